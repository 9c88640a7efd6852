"""The stand-alone components of ops on rows for a node of ``support.op_components``."""

from rtl_templates.arith.requantize import Scale
from rtl_templates.row.hadamard import Hadamard
from rtl_templates.row.layer_norm import LayerNorm
from rtl_templates.row.rms_norm import RmsNorm
from rtl_templates.row.softmax import Softmax

__all__ = ["build_hadamard", "build_layer_norm", "build_rms_norm", "build_softmax"]


def _keys(node):
    requant = node.lowered.requant
    return {
        "x": node.x,
        "rows": node.work.row.count,
        "zero": node.lowered.attrs["zero"],
        "scale": Scale(requant.shift, requant.zero_point, requant.low, requant.high),
        "out_bits": node.out.bits,
        "lanes": node.fold.lanes,
        "beat": node.beat,
    }


def build_hadamard(node, sizes):
    """Return the component; ``sizes`` are ``depth`` and ``queue``."""
    return Hadamard(
        signs=node.lowered.constants["sign"].tolist(),
        multiplier=int(node.lowered.requant.multiplier[0]),
        **_keys(node),
        **sizes,
    )


def _norm(component, node, sizes):
    constants = node.lowered.constants
    return component(
        gains=constants["gain"].tolist(),
        addends=constants["addend"].tolist(),
        epsilon=node.lowered.attrs["epsilon"],
        **_keys(node),
        **sizes,
    )


def build_layer_norm(node, sizes):
    """Return the component; ``sizes`` are ``depth`` and ``queue``."""
    return _norm(LayerNorm, node, sizes)


def build_rms_norm(node, sizes):
    """Return the component; ``sizes`` are ``depth`` and ``queue``."""
    return _norm(RmsNorm, node, sizes)


def build_softmax(node, sizes):
    """Return the component; ``sizes`` are ``depth`` and ``queue``."""
    attrs = node.lowered.attrs
    return Softmax(
        features=attrs["features"],
        log=(attrs["log_multiplier"], attrs["log_shift"]),
        multiplier=int(node.lowered.requant.multiplier[0]),
        **_keys(node),
        **sizes,
    )
