"""Where the tiles of a systolic grid go on an ECP5.

nextpnr's analytic placer knows a grid only as nets, and folds a large one up: its wires get twice
as long as they have to be.  One cell per tile that is put where the tile belongs keeps it unfolded;
all other cells of the tile follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["LFE5U_85F", "Floor", "TileSites", "pin_tiles"]


@dataclass(frozen=True)
class Floor:
    """What a device has where, in nextpnr's coordinates; row 0 and the last one are pads.

    Parameters
    ----------
    height : int
        Rows of tiles of the device.
    multiplier_rows, block_ram_rows : tuple of int
        Rows that have these, and no slices.
    multipliers : tuple of (int, int)
        Of such a row: column, and index of the multiplier in it.
    """

    height: int
    multiplier_rows: tuple[int, ...]
    block_ram_rows: tuple[int, ...]
    multipliers: tuple[tuple[int, int], ...]


# Where nextpnr 0.11 places 156 multipliers and 208 block RAMs: four multipliers to nine columns,
# two columns more in the middle.
LFE5U_85F = Floor(
    height=96,
    multiplier_rows=(10, 34, 58),
    block_ram_rows=(22, 46, 70, 82),
    multipliers=tuple(
        (4 + 9 * block + 2 * (block > 6) + column, index)
        for block in range(13)
        for column, index in ((0, 0), (1, 1), (4, 4), (5, 5))
    ),
)
"""Lattice LFE5U-85F: 156 multipliers of 18 x 18 bits."""

_REACH = 4
"""Rows on each side of a row of multipliers that their own tiles take."""


@dataclass(frozen=True)
class TileSites:
    """Rows of a grid along the device, its columns across.

    The columns with multipliers take one row of multipliers after the other, those without share
    what is between.  Sums move along a row of the device, operands from row to row.

    Parameters
    ----------
    floor : Floor
    rows, columns : int
        Of tiles.
    fabric : int
        Columns, the last ones, without multipliers.

    Raises
    ------
    ValueError
        If there are not as many multipliers.
    """

    floor: Floor
    rows: int
    columns: int
    fabric: int = 0

    def __post_init__(self) -> None:
        if self.hard > self.together * len(self.floor.multiplier_rows):
            raise ValueError(
                f"{self.rows} x {self.hard} multipliers do not fit: a row of the device has "
                f"{len(self.floor.multipliers)}, and there are {len(self.floor.multiplier_rows)}"
            )

    @property
    def hard(self) -> int:
        """Columns with multipliers."""
        return self.columns - self.fabric

    @property
    def together(self) -> int:
        """Columns of the grid in a row of multipliers."""
        return len(self.floor.multipliers) // self.rows

    @property
    def lines(self) -> int:
        """Rows of multipliers that are used."""
        return -(-self.hard // self.together)

    def multiplier(self, row: int, column: int) -> str:
        """Return the site of a tile's multiplier."""
        # The last rows of multipliers first: the columns without follow from the first row on.
        line = self.lines - 1 - column // self.together
        x, index = self._multiplier(row, column % self.together)
        return f"X{x}/Y{self.floor.multiplier_rows[line]}/MULT18_{index}"

    def register(self, row: int, column: int) -> str:
        """Return the site of a register of a tile without multiplier."""
        rows = self._free_rows()
        place = column - self.hard
        y = rows[(2 * place + 1) * len(rows) // (2 * self.fabric)]
        x, _ = self._multiplier(row, self.together // 2)
        return f"X{x}/Y{y}/SLICEA.FF0"

    def _multiplier(self, row: int, number: int) -> tuple[int, int]:
        spare = len(self.floor.multipliers) - self.rows * self.together
        return self.floor.multipliers[spare // 2 + row * self.together + number]

    def _free_rows(self) -> list[int]:
        used = self.floor.multiplier_rows[: self.lines]
        return [
            y
            for y in range(1, self.floor.height - 1)
            if y not in self.floor.multiplier_rows + self.floor.block_ram_rows
            and all(abs(y - other) > _REACH for other in used)
        ]


def pin_tiles(
    cells: Mapping[str, Any], sites: TileSites, tile: str = "grid.tile_{row}_{column}"
) -> None:
    """Pin a cell of each tile.

    Parameters
    ----------
    cells
        Of the flattened design that Yosys wrote as JSON.
    tile : str
        Name of a tile.

    Raises
    ------
    KeyError
        If a tile is not there.
    """
    for row in range(sites.rows):
        for column in range(sites.columns):
            name = tile.format(row=row, column=column)
            hard = column < sites.hard
            # Of registers those that all of a tile reads; the last column hands no swap on.
            parts = ("multiplier.cell",) if hard else ("swap_o_TRELLIS_FF_Q", "kept_TRELLIS_FF_Q")
            found = [cells[f"{name}.{part}"] for part in parts if f"{name}.{part}" in cells]
            if not found:
                raise KeyError(f"no cell of tile {name} to pin: it has no {' or '.join(parts)}")
            site = sites.multiplier if hard else sites.register
            found[0]["attributes"]["BEL"] = site(row, column)
