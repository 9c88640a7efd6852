"""Every mistake that a spec can have: its code, its place, what is wrong, what is legal."""

import pytest

from hwgen.errors import SpecError
from hwgen.graph import check_model
from hwgen.spec.limits import MAX_BYTES
from support.spec_texts import GOOD, changed, only, write

FC = "{name: fc, op: linear, in: pool1, features: 10}"
CONV = "{name: conv1, op: conv2d, in: image, channels: 4, kernel: 3, activation: relu}"

# name: (text with an @ where the mistake is, code, words of the message, words of the hint)
CASES = {
    # -- YAML -----------------------------------------------------------------------------------
    "empty file": ("", "HG111", "empty", "hwgen init"),
    "only a comment": ("@# nothing\n", "HG111", "empty", "hwgen init"),
    "not a mapping": ("@- a\n- b\n", "HG112", "mapping", "hwgen: 1"),
    "a bracket too few": (
        changed("[1, 8, 8]}", "[1, 8, 8\n  layers@: 3"), "HG104", "not YAML", "sequence",
    ),
    "a tab": (changed("  inputs:", "@\tinputs:"), "HG104", "not YAML", "spaces, not tabs"),
    "an alias to nothing": (changed("[fc]", "@*fc"), "HG104", "alias *fc", "&fc"),
    "a recursive alias": (changed("[fc]", "&a [fc, @*a]"), "HG104", "alias *a", "before it"),
    "a key twice": (changed("seed: 1}", "seed: 1, @seed: 2}"), "HG105", "'seed'", "line 19"),
    "a Python tag": (
        changed("name: tiny", "name: @!!python/object/apply:os.system [ls]"),
        "HG106", "python/object", "no tags",
    ),
    "a merge key": (changed("verify: {", "verify: {@<<: {}, "), "HG106", "'<<'", "write the keys"),
    "two documents": (GOOD + "@---\nhwgen: 1\n", "HG106", "second", "one document"),
    "a control character": (changed("tiny", "ti@\x07ny"), "HG103", r"'\x07'", "plain text"),
    "no is a boolean": (changed("name: tiny", "name: @no"), "HG107", "'no'", "quotes"),
    "1e3 is a string": (changed("features: 10", "features: @1e3"), "HG107", "'1e3'", "1000"),
    "010 is eight": (changed("features: 10", "features: @010"), "HG107", "'010'", "decimal"),
    "1_000": (changed("features: 10", "features: @1_000"), "HG107", "'1_000'", "decimal"),
    "base sixty": (changed("clock_mhz: 50", "clock_mhz: @1:30"), "HG107", "'1:30'", "decimal"),
    "a number of 5000 digits": (
        changed("features: 10", f"features: @{'9' * 5000}"), "HG107", "999", "20 digits",
    ),
    # -- keys -----------------------------------------------------------------------------------
    "an unknown key of the file": (
        GOOD + "@borad: ulx3s_85f\n", "HG110", "'borad'", "did you mean 'board'?",
    ),
    "a missing key of the file": (
        "@" + changed("weights: {random: 7}\n", ""), "HG111", "'weights'", "weights come from",
    ),
    "an unknown key of a layer": (
        changed("kernel: 3", "kernel: 3, @chanels: 4"), "HG110", "'chanels'", "'channels'",
    ),
    "a missing key of a layer": (
        changed("- {name: fc, op: linear, in: pool1, features: 10}",
                "- @{name: fc, op: linear, in: pool1}"),
        "HG111", "'features'", "output features",
    ),
    "a key in another unit": (
        changed("clock_mhz: 50", "@clock_hz: 50000000"), "HG110", "'clock_hz'", "'clock_mhz'",
    ),
    "a key that is no string": (changed("name: tiny", "name: tiny\n@7: x"), "HG112", "key", "name"),
    "a key without a value": (GOOD + "board:@\n", "HG112", "no value", "delete the key"),
    # -- types and values -----------------------------------------------------------------------
    "a string for a number": (
        changed("features: 10", "features: @ten"), "HG112", "'ten'", "output features",
    ),
    "a float for an integer": (
        changed("features: 10", "features: @10.5"), "HG112", "an integer, not 10.5", "features",
    ),
    "a boolean for an integer": (
        changed("multipliers: 4", "multipliers: @true"), "HG112", "not true", "count",
    ),
    "a unit in a value": (
        changed("clock_mhz: 50", "clock_mhz: @50 MHz"), "HG112", "'50 MHz'", "in MHz",
    ),
    "hertz for megahertz": (
        changed("clock_mhz: 50", "clock_mhz: @50000000"), "HG113", "at most 1000", "in MHz",
    ),
    "a word for the weights": (
        changed("{random: 7}", "@loadable"), "HG112", "'loadable'", "{file: 'digits.npz'}",
    ),
    "a word for the calibration": (
        changed("  layers: {fc:", "  calibrate: @calib.npz\n  layers: {fc:"),
        "HG112", "'calib.npz'", "{file: 'digits_calib.npz'}",
    ),
    "a mapping for a list": (changed("[fc]", "@{fc: 1}"), "HG112", "a list", "layers whose"),
    "another version of the format": (changed("hwgen: 1", "hwgen: @2"), "HG113", "2", "legal: 1"),
    "true for the version": (changed("hwgen: 1", "hwgen: @true"), "HG112", "true", "Version"),
    "a fraction for the version": (changed("hwgen: 1", "hwgen: @1.0"), "HG112", "1.0", "Version"),
    "no outputs": (changed("[fc]", "@[]"), "HG113", "empty", "leave the accelerator"),
    "a layer that reads nothing": (
        changed("in: pool1", "in: @[]"), "HG113", "must not be empty", "names of inputs",
    ),
    "a number for a name that is read": (
        changed("in: pool1", "in: @3"), "HG112", "a name or a list of names", "in: conv1",
    ),
    "a list in the list that is read": (
        changed("in: pool1", "in: [@[pool1]]"), "HG112", "a string", "names of inputs",
    ),
    "an unknown schedule": (
        changed("schedule: sequential", "schedule: @sequental"),
        "HG113", "'sequental'", "did you mean 'sequential'? legal: sequential, dataflow",
    ),
    "a width that does not exist": (
        changed("{weights: int4, activations: int4}", "{weights: @int1}"),
        "HG113", "'int1'", "int16",
    ),
    "a bare number for a width": (
        changed("{activations: int8}", "{activations: @8}"), "HG113", "not be 8", "int8",
    ),
    "a size of zero": (changed("[1, 8, 8]", "[1, @0, 8]"), "HG113", "not 0", "height"),
    "a negative size": (changed("features: 10", "features: @-3"), "HG113", "not -3", "features"),
    "a kernel of zero": (changed("kernel: 3", "kernel: [3, @0]"), "HG113", "not 0", "kernel"),
    "a kernel of the wrong kind": (
        changed("kernel: 3", "kernel: @{h: 3}"), "HG113", "kernel", "one number or",
    ),
    "four sizes": (
        changed("[1, 8, 8]", "@[1, 1, 8, 8]"), "HG113", "4 sizes", "[tokens, features] or",
    ),
    "no sizes": (changed("[1, 8, 8]", "@[]"), "HG113", "shape", "[tokens, features] or"),
    "an image op on a sequence": (
        changed("[1, 8, 8]", "[8, 8]", changed("- {name: conv1", "- @{name: conv1")),
        "HG202", "needs an input of shape", "conv2d reads an image",
    ),
    "a tensor of 2^40 elements": (
        changed("[1, 8, 8]", "@[1048576, 1024, 1024]"), "HG123", "1099511627776", "268435456",
    ),
    "an impossible budget": (
        changed("multipliers: 4", "multipliers: @0"), "HG113", "at least 1, not 0", "count",
    ),
    "a budget below nothing": (
        changed("multipliers: 4", "multipliers: 4, onchip_kib: @-1"), "HG113", "-1", "KiB",
    ),
    "infinity": (changed("clock_mhz: 50", "clock_mhz: @.inf"), "HG112", "inf", "MHz"),
    "not a number": (changed("clock_mhz: 50", "clock_mhz: @.nan"), "HG112", "finite", "MHz"),
    "both kinds of weights": (
        changed("{random: 7}", "@{random: 7, file: w.npz}"), "HG124", "both", "{random: 7}",
    ),
    "no kind of weights": (changed("{random: 7}", "@{}"), "HG124", "neither", "{random: 7}"),
    # -- names ----------------------------------------------------------------------------------
    "a capital letter": (changed("name: tiny", "name: @Tiny"), "HG114", "'Tiny'", "'tiny'"),
    "a hyphen": (changed("name: tiny", "name: @my-net"), "HG114", "'my-net'", "'my_net'"),
    "a digit first": (changed("name: tiny", "name: @3d"), "HG114", "'3d'", "lower-case letter"),
    "a newline": (changed("name: tiny", 'name: @"a\\n"'), "HG114", "'a\\n'", "lower-case letter"),
    "a shell command": (changed("name: tiny", "name: @a;reboot"), "HG114", "a;reboot", "a_reboot"),
    "a letter that is not ASCII": (changed("name: tiny", "name: @né"), "HG114", "né", "letter"),
    "a Verilog keyword": (changed("name: tiny", "name: @wire"), "HG114", "reserved", "'wire_1'"),
    "a C++ keyword": (changed("name: tiny", "name: @namespace"), "HG114", "reserved", "another"),
    "the name of a port": (changed("name: tiny", "name: @clk"), "HG114", "port", "'net_clk'"),
    "a name like a port's": (
        changed("name: tiny", "name: @m_axis_fc_tdata"), "HG114", "port", "'net_m_axis_fc_tdata'",
    ),
    "a long name": (changed("name: tiny", f"name: @{'a' * 65}"), "HG114", "65 characters", "64"),
    "a bad input name": (
        changed("image: {shape: [1, 8, 8]}",
                "image: {shape: [1, 8, 8]}\n    @Mask: {shape: [1, 8, 8]}")
        .replace(FC, "{name: fc, op: linear, in: both, features: 10}\n"
                     "    - {name: mask1, op: max_pool2d, in: Mask, kernel: [2, 2]}\n"
                     "    - {name: crop, op: conv2d, in: mask1, channels: 4, kernel: 2}\n"
                     "    - {name: both, op: add, in: [pool1, crop]}"),
        "HG114", "'Mask'", "'mask'",
    ),
    # -- wiring ---------------------------------------------------------------------------------
    "two layers of one name": (
        changed("name: fc, op", "name: @pool1, op").replace("outputs: [fc]", "outputs: [pool1]")
        .replace("{fc: {", "{pool1: {"),
        "HG115", "'pool1'", "line 8",
    ),
    "a layer of an input's name": (
        changed("outputs: [fc]", "outputs: [fc, image]")
        .replace("- {name: pool1, op: max_pool2d, in: conv1, kernel: 2}",
                 "- {name: pool1, op: max_pool2d, in: conv1, kernel: 2}\n"
                 "    - {name: @image, op: relu, in: pool1}")
        .replace("outputs: [fc, image]", "outputs: [fc]"),
        "HG115", "'image'", "line 5",
    ),
    "an input nobody defines": (
        changed("in: pool1", "in: [@poo1]").replace("[fc]", "[fc, pool1]"),
        "HG116", "'fc' reads 'poo1'", "did you mean 'pool1'?",
    ),
    "a cycle": (
        changed("in: image", "in: joined").replace(
            FC, FC + "\n    - {name: joined, op: concat, in: [image, pool1]}"
        ).replace("in: conv1", "in: @conv1"),
        "HG117", "conv1 <- joined <- pool1 <- conv1", "depend",
    ),
    "a layer that reads itself": (
        changed("in: image", "in: both").replace(
            FC, FC + "\n    - {name: both, op: add, in: [image, @both]}"),
        "HG117", "both <- both", "depend",
    ),
    "an output that is no layer": (
        changed("outputs: [fc]", "outputs: [fc, @fcc]"), "HG118", "'fcc'", "did you mean 'fc'?",
    ),
    "an output that is an input": (
        changed("outputs: [fc]", "outputs: [fc, @image]"), "HG118", "is an input", "layers: conv1",
    ),
    "an output twice": (
        changed("outputs: [fc]", "outputs: [fc, @fc]"), "HG118", "twice", "delete",
    ),
    "a layer that nothing reads": (
        changed(FC, FC + "\n    - {name: @lost, op: relu, in: fc}"),
        "HG119", "'lost'", "model.outputs",
    ),
    "an input that nothing reads": (
        changed("image: {shape: [1, 8, 8]}",
                "image: {shape: [1, 8, 8]}\n    @mask: {shape: [1, 8, 8]}"),
        "HG119", "input 'mask'", "delete it",
    ),
    "a precision of no layer": (
        changed("{fc: {", "{fc: {}, @conv: {"), "HG120", "'conv'", "did you mean 'conv1'?",
    ),
    "a folding of no layer": (
        changed("  clock_mhz: 50", "  folding: {@image: {elements: 2}}"),
        "HG120", "'image'", "legal: conv1",
    ),
    # -- files ----------------------------------------------------------------------------------
    "a path that leaves the folder": (
        changed("{random: 7}", "{file: @../weights.npz}"), "HG121", "../weights", "--allow-path",
    ),
    "an absolute path": (
        changed("{random: 7}", "{file: @/etc/weights.npz}"), "HG121", "/etc", "--allow-path",
    ),
    "a file that is not there": (
        changed("{random: 7}", "{file: @nothing.npz}"), "HG122", "nothing.npz", "folder",
    ),
    "a folder for a file": (changed("{random: 7}", "{file: @.}"), "HG113", "'.'", ".npz"),
    "a file of the wrong kind": (
        changed("{random: 7}", "{file: @weights.pickle}"), "HG113", ".pickle", ".safetensors",
    ),
    "a null byte in a path": (
        changed("{random: 7}", '{file: @"a\\0b.npz"}'), "HG122", "'a\\x00b.npz'", "path",
    ),
    "a path of 5000 characters": (
        changed("{random: 7}", f"{{file: @{'a' * 5000}.npz}}"), "HG122", "aaa", "shorter",
    ),
    "calibration data that are not there": (
        changed("  layers: {fc:", "  calibrate: {file: @calib.npz}\n  layers: {fc:"),
        "HG122", "calib.npz", "folder",
    ),
    "labels that are not there": (
        changed("seed: 1}", "seed: 1, labels: @test.npz}"), "HG122", "test.npz", "folder",
    ),
    # -- ops ------------------------------------------------------------------------------------
    "an unknown op": (
        changed("op: linear", "op: @liner"), "HG201", "'liner'", "did you mean 'linear'?",
    ),
    "an unknown activation": (
        changed("activation: relu", "activation: @relux"), "HG113", "'relux'", "mean 'relu'",
    ),
    "a kernel that does not fit": (
        changed("kernel: 3", "kernel: @9"), "HG202", "conv1", "at most 8",
    ),
    "groups that do not divide": (
        changed("kernel: 3", "kernel: 3, groups: @3"), "HG202", "groups 3", "divisor",
    ),
    "too many inputs": (
        changed("in: pool1", "in: @[pool1, conv1]"), "HG203", "2 inputs", "linear reads 1",
    ),
    "too few inputs": (
        changed("- " + FC, "- {name: fc, op: add, in: @pool1}"), "HG203", "1 input", "2 or more",
    ),
    "shapes that do not add": (
        changed("- " + FC, "- {name: fc, op: add, in: @[pool1, conv1]}"), "HG202", "fc", "[4, 3",
    ),
    "a layer's tensor of 2^40 elements": (
        changed("[1, 8, 8]", "[1, 8192, 8192]").replace(
            CONV, "@{name: conv1, op: conv2d, in: image, channels: 16384, kernel: 1}"),
        "HG204", "1099511627776", "268435456",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "message", "hint"), CASES.values(), ids=CASES)
def test_a_mistake_is_reported_at_its_place(tmp_path, text, code, message, hint):
    path, mark = write(tmp_path, text)

    with pytest.raises(SpecError) as caught:
        check_model(path)

    found = only(caught.value)
    assert found.code == code, str(found)
    assert found.where == mark, str(found)
    assert message in found.message
    assert hint in found.hint
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(f"{path}:{mark.line}:{mark.column}: {code}: ")


def test_the_unchanged_spec_has_no_mistake(tmp_path):
    path, _ = write(tmp_path, GOOD)

    spec, graph = check_model(path)

    assert spec.name == graph.name == "tiny"


def test_two_layers_of_one_name_and_different_ops(tmp_path):
    path, _ = write(tmp_path, GOOD.replace("name: conv1", "name: fc"))

    with pytest.raises(SpecError) as caught:
        check_model(path)

    assert [d.code for d in caught.value.diagnostics] == ["HG116", "HG115"]


def test_all_mistakes_of_a_file_come_in_one_run(tmp_path):
    path, _ = write(
        tmp_path,
        """\
hwgen: 2
name: Bad-Name
model:
  inputs:
    image: {shape: [1, 0, 8]}
    audio: {shape: [8, 8, 8]}
  layers:
    - {name: conv1, op: conv2d, in: imge, channels: 0, kernal: 3}
    - {name: conv1, op: conv3d, in: image}
    - {name: a, op: add, in: [b, conv1]}
    - {name: b, op: relu, in: a}
    - {name: wide, op: conv2d, in: audio, channels: 2, kernel: 9}
    - {op: relu}
  outputs: [a, wide, fc]
wieghts: {file: digits.npz}
quantize:
  default: {weights: 4, activations: int17}
  layers: {conv9: {weights: int4, bits: 3}}
  calibrate: {file: ../calib.npz}
accelerator:
  schedule: auto
  budget: {multipliers: 0, onchip_kib: 96 KiB}
  clock_hz: 50000000
verify: {vectors: 010, vectors: 2}
""",
    )

    with pytest.raises(SpecError) as caught:
        check_model(path)

    places = [(d.where.line, d.where.column, d.code) for d in caught.value.diagnostics]
    assert places == [
        (1, 1, "HG111"),  # no weights
        (1, 8, "HG113"),  # version
        (2, 7, "HG114"),  # name
        (5, 24, "HG113"),  # size 0
        (8, 7, "HG111"),  # no kernel
        (8, 37, "HG116"),  # imge
        (8, 53, "HG113"),  # channels 0
        (8, 56, "HG110"),  # kernal
        (9, 14, "HG115"),  # conv1 again
        (9, 25, "HG201"),  # conv3d
        (11, 31, "HG117"),  # a <- b <- a
        (12, 64, "HG202"),  # kernel 9 on 8x8
        (13, 7, "HG111"),  # no in
        (13, 7, "HG111"),  # no name
        (14, 22, "HG118"),  # fc
        (15, 1, "HG110"),  # wieghts
        (17, 22, "HG113"),  # 4
        (17, 38, "HG113"),  # int17
        (18, 12, "HG120"),  # conv9
        (18, 35, "HG110"),  # bits
        (19, 21, "HG121"),  # ../calib.npz
        (21, 13, "HG113"),  # auto
        (22, 25, "HG113"),  # 0
        (22, 40, "HG112"),  # 96 KiB
        (23, 3, "HG110"),  # clock_hz
        (24, 19, "HG107"),  # 010
        (24, 24, "HG105"),  # vectors again
    ]


# -- files that never get as far as YAML --------------------------------------------------------


def refused(path, **options):
    with pytest.raises(SpecError) as caught:
        check_model(path, **options)
    return only(caught.value)


def test_a_missing_file(tmp_path):
    found = refused(tmp_path / "nothing.yaml")

    assert (found.code, found.where.line) == ("HG101", 0)
    assert "hwgen init" in found.hint


def test_a_folder(tmp_path):
    assert refused(tmp_path).code == "HG101"


def test_a_path_that_no_file_can_have():
    assert refused("a\0b").code == "HG101"
    assert refused("a" * 5000).code == "HG101"


def test_ten_megabytes_are_not_read(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"# " + b"x" * 10_000_000)

    found = refused(path)

    assert found.code == "HG102"
    assert str(MAX_BYTES) in found.hint


def test_bytes_that_are_not_utf8(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"hwgen: 1\nname: t\xe9st\n")

    found = refused(path)

    assert (found.code, found.where.line, found.where.column) == ("HG103", 2, 8)
    assert "0xe9" in found.message


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())

    assert check_model(path)[0].name == "tiny"


def test_deep_nesting(tmp_path):
    path, mark = write(tmp_path, "a: " + "[" * 15 + "@" + "[" * 100_000)

    found = refused(path)

    assert (found.code, found.where) == ("HG102", mark)


def test_an_alias_bomb(tmp_path):
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 9):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    path, _ = write(tmp_path, text)

    found = refused(path)

    assert found.code == "HG102"
    assert "aliases expanded" in found.hint


def test_aliases_that_nest_too_deep(tmp_path):
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 40))
    path, _ = write(tmp_path, text)

    assert refused(path).code == "HG102"


def test_many_keys(tmp_path):
    path, _ = write(tmp_path, "".join(f"k{n}: 1\n" for n in range(20_000)))

    assert refused(path).code == "HG102"


def test_an_alias_is_legal_and_stands_for_its_anchor(tmp_path):
    text = changed("default: {weights: int4, activations: int4}", "default: &p {weights: int4}")
    path, _ = write(tmp_path, text.replace("{fc: {activations: int8}}", "{fc: *p}"))

    spec, _ = check_model(path)

    assert spec.quantize.layers["fc"].weights == 4


def test_a_symbolic_link_does_not_lead_out(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "weights.npz").write_bytes(b"")
    (inside / "weights.npz").symlink_to(tmp_path / "weights.npz")
    path, mark = write(inside, changed("{random: 7}", "{file: @weights.npz}"))

    found = refused(path)

    assert (found.code, found.where) == ("HG121", mark)
    assert refused(path, allow_path=True).code == "HG210"  # it went on to read the empty file


def test_a_symbolic_link_to_itself(tmp_path):
    (tmp_path / "weights.npz").symlink_to(tmp_path / "weights.npz")
    path, _ = write(tmp_path, changed("{random: 7}", "{file: weights.npz}"))

    assert refused(path).code == "HG122"


def test_a_device_is_no_data_file(tmp_path):
    (tmp_path / "zero.npz").symlink_to("/dev/zero")
    path, _ = write(tmp_path, changed("{random: 7}", "{file: zero.npz}"))

    assert refused(path).code == "HG121"
    assert refused(path, allow_path=True).code in ("HG113", "HG122")


def test_the_hint_names_the_file_that_was_meant(tmp_path):
    (tmp_path / "digits.npz").write_bytes(b"")
    path, _ = write(tmp_path, changed("{random: 7}", "{file: digit.npz}"))

    assert "did you mean 'digits.npz'?" in refused(path).hint
