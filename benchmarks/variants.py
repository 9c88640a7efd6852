"""The digits examples with another schedule or another number of multipliers."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "digits"


def variant(example: str, folder: Path, schedule: str, multipliers: int) -> Path:
    """Write ``examples/digits/<example>.yaml`` with these choices; return the new spec.

    Its data files are copied beside it.  The name of the spec says what it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for data in EXAMPLES.glob("*.npz"):
        shutil.copyfile(data, folder / data.name)
    spec = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text())
    spec["name"] = f"{spec['name']}_{schedule}_{multipliers}"
    spec["accelerator"] |= {"schedule": schedule, "budget": {"multipliers": multipliers}}
    path = folder / f"{spec['name']}.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path
