import re

import pytest

from hwgen.spec.names import NAME_PATTERN, listing, name_problem, nearest, quoted


@pytest.mark.parametrize("name", ["a", "conv1", "a_", "a__b", "x" * 64, "input1", "relu"])
def test_a_legal_name_has_no_problem(name):
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "A", "1a", "_a", "a-b", "a.b", "a b", "a\n", "a$", "é", "x" * 65, "module", "int", "main"],
)
def test_an_illegal_name_has_one(name):
    message, hint = name_problem(name)

    assert message
    assert hint


@pytest.mark.parametrize("name", ["My-Net", "a.b", "Ünit", "A B", "_x_"])
def test_a_suggested_name_is_legal(name):
    _, hint = name_problem(name)

    suggestion = re.search(r"such as '(.*)'", hint)
    assert suggestion is None or re.search(NAME_PATTERN, suggestion[1])


def test_the_nearest_name_is_suggested():
    assert nearest("kernal", ["stride", "kernel", "kern"]) == "did you mean 'kernel'? "
    assert nearest("zzz", ["stride", "kernel"]) == ""
    assert nearest("x", []) == ""


def test_a_message_holds_no_control_character_and_no_novel():
    assert quoted("a\x1b[2J") == r"'a\x1b[2J'"
    assert len(quoted("x" * 10_000)) < 100
    assert listing(["conv1", "a\nb"]) == r"conv1, 'a\nb'"
    assert listing([f"l{n}" for n in range(100)]).endswith("l19, ...")
