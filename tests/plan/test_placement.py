"""Placement of tensors in the shared buffer."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.plan.placement import Live, interval_bound, peak, place

BANKS = [1, 4, 16]


def chain(sizes):
    """Tensors of a chain: each lives in the phase that writes it and the one that reads it."""
    return [Live(f"t{k}", size, k, k + 1) for k, size in enumerate(sizes)]


def check(tensors, addresses, align):
    spans = {
        t.tensor: range(addresses[t.tensor], addresses[t.tensor] + t.elements) for t in tensors
    }
    for k, one in enumerate(tensors):
        assert addresses[one.tensor] % align == 0
        for other in tensors[:k]:
            if any(one.first <= p <= one.last for p in range(other.first, other.last + 1)):
                assert not set(spans[one.tensor]) & set(spans[other.tensor])


@given(st.lists(st.integers(1, 200), min_size=1, max_size=12), st.sampled_from(BANKS))
@settings(max_examples=150, derandomize=True, database=None)
def test_a_chain_needs_its_two_largest_neighbours_and_no_more(sizes, align):
    tensors = chain(sizes)
    addresses = place(tensors, align)
    check(tensors, addresses, align)
    rounded = [-(-size // align) * align for size in sizes]
    pairs = [a + b for a, b in pairwise(rounded)]
    assert peak(tensors, addresses, align) == max(pairs, default=rounded[0])


lives = st.builds(
    lambda size, first, length: (size, first, first + length),
    st.integers(1, 60),
    st.integers(0, 8),
    st.integers(0, 5),
)


@given(st.lists(lives, min_size=1, max_size=9), st.sampled_from(BANKS))
@settings(max_examples=150, derandomize=True, database=None)
def test_tensors_that_live_together_never_overlap(drawn, align):
    tensors = [Live(f"t{k}", *values) for k, values in enumerate(drawn)]
    addresses = place(tensors, align)
    check(tensors, addresses, align)
    needed = peak(tensors, addresses, align)
    assert interval_bound(tensors, align) <= needed
    assert needed <= sum(-(-t.elements // align) * align for t in tensors)


def test_tensors_that_never_meet_share_addresses():
    tensors = [Live("a", 10, 0, 1), Live("b", 10, 2, 3), Live("c", 10, 4, 5)]
    assert peak(tensors, place(tensors)) == 10
