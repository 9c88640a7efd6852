"""hwgen: neural-network accelerators for FPGAs from a YAML spec."""
