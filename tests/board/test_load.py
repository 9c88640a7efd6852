import pytest

from hwgen.board import board_names, list_boards, load_board
from hwgen.board.load import read_board
from hwgen.errors import SpecError
from hwgen.resources import data_dir


def changed(tmp_path, *changes):
    """Return the path of a copy of the ULX3S file with some text replaced."""
    text = (data_dir("boards") / "ulx3s_85f.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "ulx3s_85f.yaml"
    path.write_text(text)
    return path


def test_every_board_file_is_legal_and_listed():
    assert [board.name for board in list_boards()] == list(board_names())
    assert "ulx3s_85f" in board_names()


def test_the_ulx3s_is_what_its_sources_say():
    board = load_board("ulx3s_85f")

    assert (board.device, board.package, board.speed) == ("85k", "CABGA381", 6)
    assert (board.clock.pin, board.clock.mhz) == ("G2", 25.0)
    assert (board.link.rx.pin, board.link.tx.pin) == ("M1", "L4")
    assert [led.pin for led in board.leds] == ["B2", "C2", "C1", "D2", "D1", "E2", "E1", "H3"]
    assert (board.reset.pin, board.reset.active, board.reset.pull) == ("D6", "low", "up")


def test_no_pin_is_used_twice():
    for board in list_boards():
        pins = [board.clock, board.link.rx, board.link.tx, *board.leds, *board.ties.values()]
        pins += [board.reset] if board.reset else []
        sites = [pin.pin for pin in pins]
        assert len(set(sites)) == len(sites), board.name


def test_an_unknown_board_is_refused_with_the_nearest():
    with pytest.raises(SpecError) as caught:
        load_board("ulx3s_85")

    names = ", ".join(board_names())
    assert str(caught.value) == (
        f"HG820: there is no board 'ulx3s_85'\n  hint: did you mean 'ulx3s_85f'? boards: {names}"
    )


@pytest.mark.parametrize("name", ["../ulx3s_85f", "", "/etc/passwd", "ulx3s_85f.yaml"])
def test_a_board_is_named_not_given_by_path(name):
    with pytest.raises(SpecError, match=r"^HG820"):
        load_board(name)


def test_all_mistakes_of_a_file_are_reported_with_their_place(tmp_path):
    path = changed(
        tmp_path,
        ("speed: 6", "speed: fast"),
        ("pull: none}", "pul: none}"),
        ("pin: M1", 'pin: "M1; x"'),
    )

    with pytest.raises(SpecError) as caught:
        read_board(path)

    lines = [str(item.where).removeprefix(f"{path}:") for item in caught.value.diagnostics]
    text = path.read_text().splitlines()
    assert len(lines) == 3
    for place, word in zip(lines, ("fast", "pul:", '"M1; x"'), strict=True):
        line, column = map(int, place.split(":"))
        assert text[line - 1][column - 1 :].startswith(word)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: ulx3s_85f", "name: ulx3s_45f", "HG821: name is 'ulx3s_45f', but the file is"),
        ('"{bitstream}"', "top.bit", "HG821: flash.command does not say where"),
        ("hwgen_board: 1", "hwgen_board: 2", "hwgen_board must"),
        ("family: ecp5\n", "", "family"),
    ],
)
def test_one_mistake(tmp_path, old, new, message):
    with pytest.raises(SpecError, match=message):
        read_board(changed(tmp_path, (old, new)))


def test_an_empty_or_broken_file_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    for text in ("", "a: [1\n", "- 1\n"):
        path.write_text(text)
        with pytest.raises(SpecError):
            read_board(path)
