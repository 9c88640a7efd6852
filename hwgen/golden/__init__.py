"""The NumPy executor of the qgraph: the only truth."""

from hwgen.golden.run import (
    Difference,
    decode_tensor,
    encode_inputs,
    expect_lengths,
    expect_room,
    first_difference,
    mixed_lengths,
    most_tensors,
    random_inputs,
    run,
)
from hwgen.golden.stream import from_stream, stream_index, to_stream
from hwgen.quant.execute import decode, encode, run_real

__all__ = [
    "Difference",
    "decode",
    "decode_tensor",
    "encode",
    "encode_inputs",
    "expect_lengths",
    "expect_room",
    "first_difference",
    "from_stream",
    "mixed_lengths",
    "most_tensors",
    "random_inputs",
    "run",
    "run_real",
    "stream_index",
    "to_stream",
]
