"""Integer arithmetic: dot products, requantisation."""
