import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\|\s*`?(HG\d{3})`?\s*\|\s*(.+?)\s*\|\s*(.*?)\s*\|$", re.MULTILINE)


def used_codes():
    found = {}
    for path in sorted((ROOT / "hwgen").rglob("*.py")):
        for code in re.findall(r"[\"'](HG\d{3})[\"']", path.read_text(encoding="utf-8")):
            found.setdefault(code, path.relative_to(ROOT).as_posix())
    return found


def documented():
    return ROW.findall((ROOT / "docs/errors.md").read_text(encoding="utf-8"))


def test_every_code_is_explained():
    rows = {code for code, _, _ in documented()}

    missing = {code: path for code, path in used_codes().items() if code not in rows}

    assert not missing, "add a row to docs/errors.md for each of these"


def test_no_code_is_explained_twice():
    codes = [code for code, _, _ in documented()]

    assert sorted(set(codes)) == sorted(codes)


def test_no_code_is_explained_that_does_not_exist():
    assert not {code for code, _, _ in documented()} - set(used_codes())


def test_an_explanation_says_what_to_do():
    assert not [code for code, meaning, remedy in documented() if not meaning or not remedy]
