"""Testbenches that run inside the simulator."""
