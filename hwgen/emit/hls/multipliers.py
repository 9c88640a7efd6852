"""How products share the multipliers of an engine, as C++ constants: ``hwgen/lanes.hpp``."""

from __future__ import annotations

from hwgen.emit.hls.methods import by_number
from hwgen.plan.model import Multiplier
from rtl_templates.packing.forms import Form, matrix_form
from rtl_templates.packing.lanes import Range

__all__ = ["form_methods", "form_sizes", "multiplier_methods", "multiplier_sizes"]


def form_sizes(form: Form) -> tuple[tuple[str, int], ...]:
    """Return names and values of what is one number.

    Operands of a port stand ``X_PITCH`` or ``W_PITCH`` bits apart in the ``X_PORT`` or ``W_PORT``
    bits of the port; the product of ``WIDE`` bits has ``LANES``, ``PITCH`` bits apart, of values of
    at most ``VALUE`` bits.
    """
    (x_pitch, w_pitch), (x_port, w_port) = form.strides, form.port_bits
    return (
        *(("X_PITCH", x_pitch), ("W_PITCH", w_pitch), ("X_PORT", x_port), ("W_PORT", w_port)),
        *(("LANES", len(form.lanes.ranges)), ("PITCH", form.lanes.pitch)),
        ("WIDE", form.lanes.bits),
        ("VALUE", max(item.bits + (not item.is_signed) for item in form.lanes.ranges)),
    )


def form_methods(form: Form) -> tuple[tuple[str, str], ...]:
    """Return what is one number for each lane, as C++ heads and expressions.

    The ``width`` of its field in bits, the ``overlap`` of that with the next one, and the least
    code that is ``negative`` (0: those with the upper bit).
    """
    lanes, numbers = form.lanes, range(len(form.lanes.ranges))
    return (
        ("int width", by_number([lanes.width(lane) for lane in numbers])),
        ("int overlap", by_number([lanes.overlap(lane) for lane in numbers])),
        ("int negative", by_number([lanes.threshold(lane) or 0 for lane in numbers])),
    )


def multiplier_sizes(multiplier: Multiplier) -> tuple[tuple[str, int], ...]:
    """Return names and values for ``hwgen/mac.hpp``.

    Weights of ``SHARE`` outputs in a multiplier; of more than one also :func:`form_sizes`, else
    ``FABRIC``: whether lookup tables multiply.
    """
    if multiplier.kind != "packed":
        return (("SHARE", 1), ("FABRIC", int(multiplier.kind == "lut")))
    return (("SHARE", multiplier.weights), *form_sizes(_vector(multiplier)))


def multiplier_methods(multiplier: Multiplier) -> tuple[tuple[str, str], ...]:
    """Return :func:`form_methods` if several weights are in a multiplier, else nothing."""
    return form_methods(_vector(multiplier)) if multiplier.kind == "packed" else ()


def _vector(multiplier: Multiplier) -> Form:
    x, w = Range(*multiplier.x), Range(*multiplier.w)
    form: Form = matrix_form(x, w, (1, multiplier.weights), multiplier.pitch)
    return form
