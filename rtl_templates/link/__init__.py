"""The host link of a board: UART, frames, command processor, board top.

``protocol`` is plain Python: the host driver imports it without Amaranth.
"""
