"""How the weights of a ``mac`` engine share multipliers, as C++ constants."""

from __future__ import annotations

from hwgen.plan.model import Multiplier
from rtl_templates.packing.forms import matrix_form
from rtl_templates.packing.lanes import Range

__all__ = ["multiplier_sizes"]


def multiplier_sizes(multiplier: Multiplier) -> tuple[tuple[str, int], ...]:
    """Return names and values for ``hwgen/mac.hpp``.

    ``N`` weights per multiplier; of packed ones ``PITCH``, the bits from one to the next, ``PORT``
    and ``WIDE``, the widths of the port and of the product, and ``NEGATIVE``, the least field that
    stands for a negative number.  ``FABRIC`` of others: whether lookup tables multiply.
    """
    if multiplier.kind != "packed":
        return (("N", 1), ("FABRIC", int(multiplier.kind == "lut")))
    x, w = Range(*multiplier.x), Range(*multiplier.w)
    form = matrix_form(x, w, (1, multiplier.weights), multiplier.pitch)
    threshold = form.lanes.threshold(0)
    return (
        ("N", multiplier.weights),
        ("PITCH", multiplier.pitch),
        ("PORT", form.port_bits[1]),
        ("WIDE", form.lanes.bits),
        ("NEGATIVE", 1 << (multiplier.pitch - 1) if threshold is None else threshold),
    )
