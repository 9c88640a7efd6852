"""cocotb testbenches: ``network`` for an emitted top, one per op for its engine."""
