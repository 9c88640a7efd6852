"""Attention beside a systolic array: one lane per column."""
