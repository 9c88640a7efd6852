"""Weight-stationary arrays of packed 4-bit multipliers, for operands of 4 and 8 bits."""
