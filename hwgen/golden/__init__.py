"""The NumPy executor of the qgraph: the only truth."""
