"""The port to external memory: an AXI4 subset, its masters, and a model for simulation."""
