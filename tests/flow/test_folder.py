import errno
import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

import pytest

from hwgen.errors import LimitError, SpecError
from hwgen.flow import folder as folder_module
from hwgen.flow.folder import check_target, locked, replacing, write_text

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def build(tmp_path):
    """A previous build with two files."""
    target = tmp_path / "build"
    target.mkdir()
    (target / "manifest.json").write_text("old")
    (target / "rtl").mkdir()
    (target / "rtl" / "x.v").write_text("old")
    return target


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


OLD = {"manifest.json": "old", "rtl/x.v": "old"}


def replace(target, content="new"):
    with locked(target), replacing(target) as place:
        (place.new / "manifest.json").write_text(content)


def test_a_build_is_replaced_as_a_whole(build):
    replace(build)
    assert files(build.parent) == {"build/manifest.json": "new"}


def test_a_first_build_appears(tmp_path):
    replace(tmp_path / "deep" / "build")
    assert files(tmp_path) == {"deep/build/manifest.json": "new"}


def test_a_result_that_still_belongs_is_carried_over(build):
    with locked(build), replacing(build) as place:
        (place.new / "manifest.json").write_text("new")
        place.carry.append("rtl")
    assert files(build) == {"manifest.json": "new", "rtl/x.v": "old"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_previous_build(build, error):
    with pytest.raises(error), locked(build), replacing(build) as place:
        (place.new / "manifest.json").write_text("half")
        raise error
    assert files(build.parent) == {f"build/{name}": text for name, text in OLD.items()}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_leaves_the_previous_build(build, number):
    reason = re.escape(os.strerror(number))
    with (
        pytest.raises(LimitError, match=f"HG912: Cannot write .*build: {reason}") as caught,
        locked(build),
        replacing(build) as place,
    ):
        (place.new / "manifest.json").write_text("half")
        raise OSError(number, os.strerror(number))
    assert caught.value.exit_code == 4
    assert files(build.parent) == {f"build/{name}": text for name, text in OLD.items()}


def _build_slowly(target, started, when):
    with locked(target), replacing(target) as place:
        (place.new / "manifest.json").write_text("half")
        if when == "swap":  # the fallback, between its two renames
            folder_module._exchange = lambda *_: False
            rename = Path.rename

            def slow(self, to):
                if ".tmp-" in self.name and to == target:
                    started.set()
                    time.sleep(60)
                return rename(self, to)

            Path.rename = slow
            return
        started.set()
        time.sleep(60)


@pytest.mark.parametrize("when", ["write", "swap"])
def test_a_killed_build_leaves_the_previous_one(build, when):
    started = FORK.Event()
    process = FORK.Process(target=_build_slowly, args=(build, started, when))
    process.start()
    assert started.wait(20)
    os.kill(process.pid, signal.SIGKILL)
    process.join()

    with locked(build):  # what the next build does first
        assert files(build) == OLD
    replace(build)
    assert files(build.parent) == {"build/manifest.json": "new"}


def test_only_one_process_works_in_a_folder(build):
    started = FORK.Event()
    process = FORK.Process(target=_build_slowly, args=(build, started, "write"))
    process.start()
    assert started.wait(20)
    try:
        with pytest.raises(
            SpecError, match=r"HG911: Another hwgen is working in .*build"
        ) as caught:
            replace(build)
        assert caught.value.exit_code == 2
        replace(build.with_name("other"))  # another folder is free
    finally:
        process.kill()
        process.join()
    replace(build)
    assert files(build)["manifest.json"] == "new"


def test_the_lock_leaves_no_file(build):
    with locked(build):
        pass
    assert files(build.parent) == {f"build/{name}": text for name, text in OLD.items()}


def _contend(target, index, barrier):
    barrier.wait()
    for turn in range(20):
        while True:
            try:
                with locked(target), replacing(target) as place:
                    for name in ("manifest.json", "second"):
                        (place.new / name).write_text(f"{index} {turn}")
                break
            except SpecError:
                time.sleep(0.001)


def test_many_processes_never_mix(tmp_path):
    target = tmp_path / "build"
    barrier = FORK.Barrier(4)
    crowd = [FORK.Process(target=_contend, args=(target, i, barrier)) for i in range(4)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    assert [process.exitcode for process in crowd] == [0] * 4
    found = files(tmp_path)
    assert set(found) == {"build/manifest.json", "build/second"}
    assert len(set(found.values())) == 1


def test_a_folder_with_other_content_is_refused(tmp_path):
    spec = tmp_path / "specs" / "x.yaml"
    home = tmp_path / "home"
    home.mkdir()
    (home / "diary.txt").write_text("mine")
    with pytest.raises(SpecError, match=r"HG910: .*home is not empty and is no build of hwgen"):
        check_target(home, spec)
    with pytest.raises(SpecError, match=r"HG910: .*diary\.txt is a file"):
        check_target(home / "diary.txt", spec)
    for above in (tmp_path, spec.parent):
        with pytest.raises(SpecError, match=r"HG910: .* holds the spec itself"):
            check_target(above, spec)
    (tmp_path / "empty").mkdir()
    check_target(tmp_path / "empty", spec)
    check_target(tmp_path / "missing", spec)


def test_a_file_is_written_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    write_text(path, "old")

    def full(self, text, **_):
        self.touch()
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(LimitError, match="HG912"):
            write_text(path, "new")
    assert files(tmp_path) == {"report.html": "old"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("file/x", "File exists|Not a directory"),
        ("loop", "Too many levels|Not a directory"),
        ("loop/x", "File exists|Too many levels"),
        ("n" * 300, "File name too long"),
        ("/proc/x", "No such file or directory"),
        ("/dev/null/x", "File exists|Not a directory"),
    ],
)
def test_an_impossible_folder_is_refused(tmp_path, name, why):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    target = tmp_path / name
    with pytest.raises(SpecError, match=f"HG91[03]: .*({why}|is a file)") as caught:
        check_target(target, tmp_path / "specs" / "x.yaml")
        with locked(target):
            pass
    assert caught.value.exit_code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"file", "loop"}
