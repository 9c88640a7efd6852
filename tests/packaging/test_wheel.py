"""The wheel holds what hwgen needs and nothing else, and works in any folder; so does -e."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from support.spec_texts import GOOD

ROOT = Path(__file__).parents[2]
SHIPPED = {
    "hls": {".hpp", ".j2", ".tcl"},
    "sim": {".py", ".cpp", ".hpp", ".vlt"},
    "boards": {".yaml", ".lpf"},
}
PACKAGES = {"hwgen": {".py", ".j2", ".css", ".yaml", ".typed"}, "rtl_templates": {".py"}}

pytestmark = pytest.mark.xdist_group("packaging")


def sources():
    """Where a wheel's files come from, by their place in it."""
    for package, suffixes in PACKAGES.items():
        for path in (ROOT / package).rglob("*"):
            if path.suffix in suffixes and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), path
    for folder, suffixes in SHIPPED.items():
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes and "__pycache__" not in path.parts:
                yield f"hwgen/_data/{path.relative_to(ROOT).as_posix()}", path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_exactly_the_sources(wheel):
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
        extra = {name for name in archive.namelist() if ".dist-info/" in name}
        assert found == {name for name, _ in sources()}
        assert all(archive.read(name) == path.read_bytes() for name, path in sources())
    assert any(name.endswith("licenses/LICENSE") for name in extra)


def test_nothing_in_the_packages_is_of_an_unknown_kind():
    kinds = {
        path.suffix
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert kinds <= set.union(*PACKAGES.values())


def environment(folder):
    """Make an environment that sees this one's packages, but no hwgen."""
    venv.create(folder, with_pip=False)
    place = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    shadow = folder / "shared"
    shadow.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.lower().startswith(("hwgen", "_hwgen", "_editable", "__editable")):
            (shadow / path.name).symlink_to(path)
    (place / "shared.pth").write_text(f"{shadow}\n")
    return folder / "bin" / "python"


def install(python, *what):
    command = ["-m", "pip", "--python", str(python), "install", "--no-deps", "--quiet"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--no-index"]
    subprocess.run([sys.executable, *command, *map(str, what)], check=True, capture_output=True)


def run(python, *words):
    """Run the installed program from the root folder."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [python.parent / "hwgen", *map(str, words)],
        cwd="/",
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def where(python):
    code = "import hwgen, rtl_templates; print(hwgen.__file__, rtl_templates.__file__)"
    done = subprocess.run([python, "-c", code], cwd="/", capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request, tmp_path_factory, wheel):
    folder = tmp_path_factory.mktemp(request.param)
    python = environment(folder / "venv")
    if request.param == "wheel":
        install(python, wheel)
        assert all(place.startswith(str(folder)) for place in where(python))
    else:
        install(python, "-e", ROOT)
        assert all(place.startswith(str(ROOT)) for place in where(python))
    return python


def test_the_installed_program_knows_ops_and_boards(installed):
    assert "conv2d" in run(installed, "ops")
    assert "ulx3s_85f" in run(installed, "boards")


def test_the_installed_program_builds_in_any_folder(installed, tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(GOOD)
    assert "no mistakes" in run(installed, "check", spec)
    run(installed, "build", spec, "-o", tmp_path / "build")
    assert "module tiny" in (tmp_path / "build" / "rtl" / "tiny.v").read_text()
    assert (tmp_path / "build" / "hls" / "include" / "hwgen" / "conv2d.hpp").is_file()
    assert "<svg" in (tmp_path / "build" / "report.html").read_text()


@pytest.mark.verilator
def test_the_installed_benches_simulate(installed, tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(GOOD)
    text = run(installed, "sim", spec, "-o", tmp_path / "build", "--vectors", "2")
    assert "RTL equals the golden model on 2 vectors" in text


@pytest.mark.hls
def test_the_installed_headers_compile(installed, tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(GOOD)
    text = run(installed, "csim", spec, "-o", tmp_path / "build", "--vectors", "2")
    assert "HLS C++ equals the golden model on 2 vectors" in text


def test_the_tests_run_against_the_installed_package():
    import hwgen

    wanted = os.environ.get("HWGEN_EXPECT_WHEEL")
    assert ("site-packages" in hwgen.__file__) == bool(wanted)
