"""Root mean square normalisation."""

from rtl_templates.row.layer_norm import Normalization

__all__ = ["RmsNorm"]


class RmsNorm(Normalization):
    """As :class:`LayerNorm`, but the mean stays and counts: ``normal`` is ``x / rms(x)``.

    Bit for bit equal to ``hwgen.ops.rms_norm``.  Latency, initiation interval, utilisation bound,
    parameters and members: those of :class:`LayerNorm`.
    """

    centered = False
