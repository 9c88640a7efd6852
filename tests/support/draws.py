"""Hypothesis draws that are the same in every run, and shrink."""

from hypothesis import HealthCheck, Phase, seed, settings

__all__ = ["repeatable"]


def repeatable(number, examples):
    """Return a decorator for a ``@given`` function: so many examples of a seed, nothing stored."""

    def decorate(function):
        chosen = settings(
            max_examples=examples,
            database=None,
            deadline=None,
            print_blob=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        return seed(number)(chosen(function))

    return decorate
