"""Bench of :class:`rtl_templates.row.hadamard.Hadamard`."""

import cocotb

from hwgen.ops import get_op
from sim.benches.engine import SCENARIOS, run


@cocotb.test()
@cocotb.parametrize(scenario=SCENARIOS)
async def matches_golden(dut, scenario):
    """Tensors back to back equal the golden model: free, with stalls, after a reset in mid-run."""
    await run(dut, get_op("hadamard"), scenario)
