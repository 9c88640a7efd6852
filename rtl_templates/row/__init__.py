"""Engines that look at a whole row: normalisation and softmax."""
