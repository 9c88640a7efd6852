"""Text of the C++ project from templates; the only importer of jinja2 here."""

from __future__ import annotations

from functools import cache

import jinja2

from hwgen.resources import data_dir

__all__ = ["render"]


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(data_dir("hls") / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C++, not HTML
    )


def render(template: str, context: dict[str, object]) -> str:
    """Return a file's text; a name that the context lacks is an error."""
    return _environment().get_template(template).render(context)
