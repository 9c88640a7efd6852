"""The examples with another schedule or another number of multipliers."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "digits"


def variant(
    example: str, folder: Path, schedule: str, multipliers: int, examples: Path = EXAMPLES
) -> Path:
    """Write ``<example>.yaml`` of a folder of examples with these choices; return the new spec.

    Its data files are copied beside it.  The name of the spec says what it is.  A folding stays
    where it is only with the schedule that it was chosen for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for data in examples.glob("*.npz"):
        shutil.copyfile(data, folder / data.name)
    spec = yaml.safe_load((examples / f"{example}.yaml").read_text())
    spec["name"] = f"{spec['name']}_{schedule}_{multipliers}"
    accelerator = spec["accelerator"]
    if accelerator["schedule"] != schedule:
        accelerator.pop("folding", None)
    accelerator |= {"schedule": schedule, "budget": {"multipliers": multipliers}}
    path = folder / f"{spec['name']}.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path
