import re
from pathlib import Path

from hwgen.board import Board, board_names
from hwgen.host.frames import Frame, encode
from rtl_templates.link.protocol import MAX_PAYLOAD, Kind, Status

DOCS = Path(__file__).parents[2] / "docs"


def test_every_key_and_board_is_explained():
    text = (DOCS / "boards.md").read_text()

    for name in (*Board.model_fields, *board_names()):
        assert f"`{name}`" in text, name


def test_the_link_is_explained_as_it_is():
    text = (DOCS / "link.md").read_text()

    for member in (*Kind, *Status):
        assert re.search(rf"\b{member.value} `{member.name}`", text), member
    assert f"at most {MAX_PAYLOAD}" in text
    (example,) = re.findall(r"`(a5(?: [0-9a-f]{2})+)`", text)
    assert encode(Frame(0, Kind.IDENTIFY, b"")).hex(" ") == example
