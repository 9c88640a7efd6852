import pytest

from hwgen.verify.cache import cache_dir, cached, content_key


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path / "cache"))


def test_builds_once(tmp_path):
    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "made").write_text("x")

    first = cached("things", "k", build)
    second = cached("things", "k", build)

    assert first == second == tmp_path / "cache" / "things" / "k"
    assert (first / "made").read_text() == "x"
    assert len(calls) == 1


def test_a_failed_build_leaves_nothing_and_is_tried_again():
    def fail(folder):
        (folder / "half").write_text("x")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        cached("things", "k", fail)
    assert [item.name for item in (cache_dir() / "things").iterdir()] == ["k.lock"]

    done = cached("things", "k", lambda folder: (folder / "made").touch())

    assert [item.name for item in done.iterdir()] == ["made"]


def test_keys_depend_on_where_a_part_ends():
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key("ab", b"c") == content_key(b"ab", "c")


def test_follows_the_xdg_convention(tmp_path, monkeypatch):
    monkeypatch.delenv("HWGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))

    assert cache_dir() == tmp_path / "xdg" / "hwgen"
