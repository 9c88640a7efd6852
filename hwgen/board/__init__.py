"""Boards: their files, the circuit around the accelerator, bitstreams."""

from hwgen.board.build import BitstreamResult, build_bitstream
from hwgen.board.families import Usage
from hwgen.board.flash import flash
from hwgen.board.interface import Interface, Port, interface_of
from hwgen.board.load import board_names, list_boards, load_board
from hwgen.board.model import Board
from hwgen.board.synth import SYNTH_FAMILIES, synth_stats
from hwgen.board.top import TOP_NAME, LinkTiming, board_top, board_verilog, check_fit, link_timing

__all__ = [
    "SYNTH_FAMILIES",
    "TOP_NAME",
    "BitstreamResult",
    "Board",
    "Interface",
    "LinkTiming",
    "Port",
    "Usage",
    "board_names",
    "board_top",
    "board_verilog",
    "build_bitstream",
    "check_fit",
    "flash",
    "interface_of",
    "link_timing",
    "list_boards",
    "load_board",
    "synth_stats",
]
