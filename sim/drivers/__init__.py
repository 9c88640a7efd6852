"""Both ends of a stream, for cocotb."""
