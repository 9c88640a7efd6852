"""From real values to integers: the qgraph."""

from hwgen.quant.check import check_qgraph
from hwgen.quant.model import QGraph, QNode, QTensor
from hwgen.quant.quantize import quantize, sqnr
from hwgen.quant.samples import Samples, load_samples

__all__ = [
    "QGraph",
    "QNode",
    "QTensor",
    "Samples",
    "check_qgraph",
    "load_samples",
    "quantize",
    "sqnr",
]
