"""Compile and run C++ against the shim or the vendor's headers; run a plan's HLS C++."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from hwgen.emit.hls import emit
from hwgen.resources import data_dir
from hwgen.verify.hls import simulate_hls

# `-Wno-unknown-pragmas` alone is allowed: a plain compiler knows no `#pragma HLS`.
STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")


def vendor_headers():
    """Return the folder of the vendor's ap_int.h in the hls4ml wheel, or None."""
    spec = find_spec("hls4ml")  # finds, does not import: its dependencies are not needed
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0], "templates", "vivado", "ap_types")
    return folder if (folder / "ap_int.h").is_file() else None


TYPES = [
    pytest.param("shim"),
    pytest.param(
        "vendor",
        marks=pytest.mark.skipif(
            vendor_headers() is None, reason="hls4ml, which ships ap_int.h, is not installed"
        ),
    ),
]


def compile_flags(types):
    """Return the flags that choose the integer types."""
    if types == "shim":
        return ["-DHWGEN_USE_SHIM"]
    # The vendor's constructors read members before they write them.
    quiet = ["-Wno-uninitialized", "-Wno-maybe-uninitialized"]
    return ["-DHWGEN_USE_AP_INT", "-isystem", str(vendor_headers()), *quiet]


def compile_cpp(sources, program, types="shim", includes=(), flags=()):
    """Compile with warnings as errors, in the folder of the program."""
    include = [data_dir("hls") / "include", *includes]
    argv = ["g++", *STRICT, "-O1", *compile_flags(types), *flags]
    argv += [f"-I{folder}" for folder in include]
    argv += [str(source) for source in sources] + ["-o", str(program)]
    done = subprocess.run(argv, cwd=program.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return program


def hls_outputs(plan, qgraph, inputs, folder, lengths=()):
    """Return the outputs of a plan's C++ by name: emitted into ``folder``, compiled, run."""
    emit(plan, qgraph, folder)
    return simulate_hls(folder, qgraph, inputs, lengths=lengths)
