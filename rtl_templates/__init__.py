"""Amaranth components that engines are made from; they depend on Amaranth alone."""
