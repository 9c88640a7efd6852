"""The plan as Verilog, through Amaranth."""
