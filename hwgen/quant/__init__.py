"""From real values to integers: the qgraph."""

from hwgen.quant.check import check_qgraph
from hwgen.quant.model import QGraph, QNode, QTensor
from hwgen.quant.quantize import quantize
from hwgen.quant.samples import Samples, load_samples
from hwgen.quant.sqnr import NoiseMeter, sqnr
from hwgen.quant.streaming import stream

__all__ = [
    "NoiseMeter",
    "QGraph",
    "QNode",
    "QTensor",
    "Samples",
    "check_qgraph",
    "load_samples",
    "quantize",
    "sqnr",
    "stream",
]
