"""One small adapter module per FPGA family: the only place for vendor primitives."""
