"""Documents show specs that are legal, and link to files that exist."""

import re
from pathlib import Path

import pytest
import yaml

import hwgen

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/*/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_readmes_spec_is_legal(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "digits.yaml"
    path.write_text(text)
    assert hwgen.check(path).layers == 3


def test_every_document_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_the_readmes_verbs_exist():
    verbs = re.findall(r"^hwgen (\w+) digits", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(verbs) == 6
    assert set(verbs) <= set(hwgen.__all__)


def test_the_readme_has_the_measured_table():
    text = (ROOT / "README.md").read_text()
    _, begin, rest = text.partition("<!-- digits table: make readme -->\n")
    table, end, _ = rest.partition("<!-- end of digits table -->")
    assert begin and end
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in table.splitlines()]
    head, _, *body = rows
    assert len(body) == 12
    for row in body:
        cells = dict(zip(head, row, strict=True))
        assert cells["latency, predicted"] == cells["latency, simulated"]
        assert cells["interval, predicted"] == cells["interval, simulated"]
        assert cells["f_max"].endswith(" MHz")


def test_the_networks_table_is_whole():
    text = (ROOT / "docs" / "networks.md").read_text()
    _, begin, rest = text.partition("<!-- networks table: make networks -->\n")
    table, end, _ = rest.partition("<!-- end of networks table -->")
    assert begin and end
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in table.splitlines()]
    head, _, *body = rows
    assert len(body) == 12
    for row in body:
        cells = dict(zip(head, row, strict=True))
        assert cells["latency, predicted"] == cells["latency, simulated"]
        assert cells["interval, predicted"] == cells["interval, simulated"]


def test_the_lock_names_exact_versions_and_no_host():
    text = (ROOT / "requirements.lock").read_text()
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert all(re.match(r"^[a-z0-9.-]+==[\w.]+( ; .*)?$", pin) for pin in pins)
    assert "://" not in text
    assert "--index" not in text


def test_every_example_is_legal():
    # The weights of minilm come from `make minilm`; tests/golden/test_minilm.py has its specs.
    specs = sorted(
        path for path in (ROOT / "examples").rglob("*.yaml") if path.parent.name != "minilm"
    )
    assert specs
    for path in specs:
        data = yaml.safe_load(path.read_text())
        assert hwgen.check(path).plan.schedule == data["accelerator"]["schedule"]
