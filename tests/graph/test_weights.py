import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest

from hwgen.errors import SpecError
from hwgen.graph import check_model
from support.spec_texts import GOOD, SHAPES, arrays, changed, only, write

NPZ = changed("{random: 7}", "{file: @w.npz}")


def npz(folder, **change):
    np.savez(folder / "w.npz", **arrays(**change))


def refused(folder, text=NPZ):
    path, mark = write(folder, text)
    with pytest.raises(SpecError) as caught:
        check_model(path)
    found = only(caught.value)
    assert found.where == mark
    return found


def test_arrays_arrive_as_float64_with_their_values(tmp_path):
    npz(tmp_path)
    path, _ = write(tmp_path, NPZ)

    _, graph = check_model(path)

    assert set(graph.weights) == set(SHAPES)
    for name, array in arrays().items():
        assert graph.weights[name].dtype == np.float64
        assert np.array_equal(graph.weights[name], array)
    assert set(graph.node_weights("fc")) == {"weight", "bias"}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "deflated"])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_every_real_type_and_order_is_read(tmp_path, save, dtype):
    given = {name: np.asfortranarray(a.astype(dtype)) for name, a in arrays().items()}
    save(tmp_path / "w.npz", **given)
    path, _ = write(tmp_path, NPZ)

    _, graph = check_model(path)

    for name, array in given.items():
        assert np.array_equal(graph.weights[name], array)


BAD = {
    "missing": ({"fc__bias": None}, "HG211", "'fc.bias'", "[10]"),
    "wrong shape": ({"fc__weight": np.zeros((36, 10))}, "HG212", "[36, 10], not [10, 36]", "order"),
    "nan": ({"fc__bias": np.array([0.0] * 9 + [np.nan])}, "HG213", "nan at [9]", "1 of 10"),
    "inf": ({"conv1__bias": np.array([0, -np.inf, 0, 0])}, "HG213", "-inf at [1]", "1 of 4"),
    "extra": ({"fc2__bias": np.zeros(3)}, "HG214", "'fc2.bias'", "did you mean 'fc.bias'?"),
    "integers": ({"fc__bias": np.zeros(10, int)}, "HG215", "int64", "float32"),
    "complex": ({"fc__bias": np.zeros(10, complex)}, "HG215", "complex128", "float32"),
    "pickle": ({"fc__bias": np.array([{}] * 10)}, "HG216", "'fc.bias'", "never unpickles"),
}


@pytest.mark.parametrize(("change", "code", "message", "hint"), BAD.values(), ids=BAD)
def test_a_bad_array_is_refused(tmp_path, change, code, message, hint):
    npz(tmp_path, **change)

    found = refused(tmp_path)

    assert found.code == code
    assert message in found.message
    assert hint in found.hint


def test_all_mistakes_of_a_file_come_in_one_run(tmp_path):
    npz(
        tmp_path,
        fc__bias=None,
        fc__weight=np.zeros((10, 35)),
        conv1__bias=np.full(4, np.nan),
        old=np.zeros(1),
    )
    path, _ = write(tmp_path, NPZ)

    with pytest.raises(SpecError) as caught:
        check_model(path)

    assert [d.code for d in caught.value.diagnostics] == ["HG211", "HG212", "HG213", "HG214"]


def test_mistakes_of_spec_and_weights_come_in_one_run(tmp_path):
    npz(tmp_path, fc__weight=np.zeros((10, 35)))
    path, _ = write(tmp_path, NPZ.replace("kernel: 2", "kernal: 2"))
    with pytest.raises(SpecError) as caught:
        check_model(path)
    # The size of pool1 is unknown, so nothing can be said about fc.
    assert [d.code for d in caught.value.diagnostics] == ["HG111", "HG110"]

    path, _ = write(tmp_path, NPZ.replace("seed: 1", "sed: 1"))
    with pytest.raises(SpecError) as caught:
        check_model(path)
    assert [d.code for d in caught.value.diagnostics] == ["HG212", "HG110"]


class Bomb:
    def __reduce__(self):
        return print, ("unpickled",)


def test_a_pickle_is_never_run(tmp_path, capsys):
    (tmp_path / "w.npz").write_bytes(pickle.dumps(Bomb()))
    assert refused(tmp_path).code == "HG210"

    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("fc.bias.pkl", pickle.dumps(Bomb()))
    assert refused(tmp_path).code == "HG216"

    np.savez(tmp_path / "w.npz", **arrays(), evil=np.array([Bomb()], dtype=object))
    assert refused(tmp_path).code == "HG216"
    assert capsys.readouterr().out == ""


def member(shape, data=b"", version=(1, 0), length=None):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    size = struct.pack("<H" if version == (1, 0) else "<I", length or len(header))
    return b"\x93NUMPY" + bytes(version) + size + header + data


@pytest.mark.parametrize(
    ("name", "data"),
    {
        "fewer bytes than its shape": ("fc.bias.npy", member((10,), bytes(79))),
        "more bytes than its shape": ("fc.bias.npy", member((10,), bytes(81))),
        "a shape beyond any memory": ("fc.bias.npy", member((1 << 40,))),
        "a negative shape": ("fc.bias.npy", member((-10,), bytes(80))),
        "a header of four gigabytes": ("fc.bias.npy", member((10,), b"", (2, 0), 0xFFFFFFFF)),
        "an unknown version": ("fc.bias.npy", member((10,), bytes(80), (9, 0))),
        "no header": ("fc.bias.npy", b"\x93NUMPY"),
        "not an array": ("fc.bias.npy", b"hello"),
        "an empty member": ("fc.bias.npy", b""),
        "another kind of member": ("readme.txt", b"hello"),
    }.values(),
)  # fmt: skip
def test_a_damaged_member_is_refused_before_it_is_loaded(tmp_path, name, data):
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)

    assert refused(tmp_path).code in ("HG210", "HG212")


def test_a_zip_bomb_is_not_inflated(tmp_path):
    # 128 MiB of zeros deflate to 128 KiB; the header says so, and the model wants 10 values.
    with (
        zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("fc.bias.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(member((1 << 24,)))
        for _ in range(128):
            stream.write(bytes(1 << 20))
    path, _ = write(tmp_path, NPZ)

    with pytest.raises(SpecError) as caught:
        check_model(path)

    codes = [d.code for d in caught.value.diagnostics]
    assert "HG212" in codes
    assert set(codes) == {"HG211", "HG212"}


def test_one_name_twice_is_refused(tmp_path):
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(tmp_path / "w.npz", "w") as archive,
    ):
        for _ in range(2):
            archive.writestr("fc.bias.npy", member((10,), bytes(80)))

    assert refused(tmp_path).code == "HG210"


@pytest.mark.parametrize("position", [0, 100, 400, -200, -30])
def test_a_flipped_byte_never_escapes_as_another_error(tmp_path, position):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays())
    data = bytearray(stream.getvalue())
    data[position] ^= 0xFF
    (tmp_path / "w.npz").write_bytes(data)
    path, _ = write(tmp_path, NPZ)

    try:
        check_model(path)
    except SpecError as error:
        assert {d.code[:3] for d in error.diagnostics} == {"HG2"}


# -- safetensors ----------------------------------------------------------------------------------

SAFE = changed("{random: 7}", "{file: @w.safetensors}")


def safetensors(given, metadata=True):
    """Write the format as its specification says, independently of the reader under test."""
    header, data = {"__metadata__": {"format": "np"}} if metadata else {}, b""
    for name, (kind, array, raw) in given.items():
        header[name] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def encoded(kind, array):
    if kind == "BF16":
        bits = array.astype("<f4").view("<u4")
        return (kind, array, (bits >> 16).astype("<u2").tobytes())
    return (kind, array, array.astype({"F16": "<f2", "F32": "<f4", "F64": "<f8"}[kind]).tobytes())


@pytest.mark.parametrize("kind", ["F16", "BF16", "F32", "F64"])
def test_safetensors_hold_the_same_values(tmp_path, kind):
    # Eighths below one fit even into bfloat16's 8 bits of precision.
    given = {name: np.round(np.tanh(a) * 8) / 8 for name, a in arrays().items()}
    file = safetensors({name: encoded(kind, a) for name, a in given.items()})
    (tmp_path / "w.safetensors").write_bytes(file)
    path, _ = write(tmp_path, SAFE)

    _, graph = check_model(path)

    for name, array in given.items():
        assert np.array_equal(graph.weights[name], array)


@pytest.mark.parametrize(
    ("old", "new"),
    {
        "an offset beyond the file": (b'"data_offsets": [0, 144]', b'"data_offsets": [0, 999]'),
        "a range of another size": (b'"data_offsets": [0, 144]', b'"data_offsets": [4, 144]'),
        "a negative offset": (b'"data_offsets": [0, 144]', b'"data_offsets": [-1,143]'),
        "a shape that is no list": (b'"shape": [4, 1, 3, 3]', b'"shape": 36           '),
        "a float in a shape": (b'"shape": [4, 1, 3, 3]', b'"shape": [4, 1, 9, 1.]'[:21]),
        "an unknown type": (b'"dtype": "F32"', b'"dtype": "F99"'),
        "not JSON": (b'{"__metadata__"', b'["__metadata__"'),
        "not UTF-8": (b"__metadata__", b"\xff_metadata__"),
        "one name twice": (b'"conv1.bias"', b'"fc.bias"   '),
    }.values(),
)
def test_damaged_safetensors_are_refused(tmp_path, old, new):
    file = safetensors({name: encoded("F32", a) for name, a in arrays().items()})
    assert old in file
    (tmp_path / "w.safetensors").write_bytes(file.replace(old, new))

    assert refused(tmp_path, SAFE).code == "HG210"


@pytest.mark.parametrize(
    "file",
    [b"", b"\0" * 7, b"\xff" * 8, struct.pack("<Q", 1 << 40) + b"{}", struct.pack("<Q", 2) + b"[]",
     struct.pack("<Q", 100_000) + b"[" * 100_000],
    ids=["empty", "short", "huge header", "header beyond the file", "no object", "deep"],
)  # fmt: skip
def test_what_is_no_safetensors_file_is_refused(tmp_path, file):
    (tmp_path / "w.safetensors").write_bytes(file)

    assert refused(tmp_path, SAFE).code == "HG210"


def test_a_signalling_nan_is_an_error_like_any_other(tmp_path):
    given = {name: encoded("F32", a) for name, a in arrays().items()}
    kind, array, raw = given["fc.bias"]
    given["fc.bias"] = (kind, array, struct.pack("<I", 0x7F800001) + raw[4:])
    (tmp_path / "w.safetensors").write_bytes(safetensors(given))

    found = refused(tmp_path, SAFE)

    assert found.code == "HG213"
    assert "nan at [0]" in found.message


def test_integers_in_safetensors_are_refused(tmp_path):
    given = {name: encoded("F32", a) for name, a in arrays().items()}
    given["fc.bias"] = ("I8", np.zeros(10), bytes(10))
    (tmp_path / "w.safetensors").write_bytes(safetensors(given))

    assert refused(tmp_path, SAFE).code == "HG215"


# -- random ---------------------------------------------------------------------------------------


def random_graph(folder, text=GOOD):
    path, _ = write(folder, text)
    return check_model(path)[1]


def test_random_weights_depend_on_the_seed_alone(tmp_path):
    first = random_graph(tmp_path)
    again = random_graph(tmp_path)
    other = random_graph(tmp_path, changed("{random: 7}", "{random: 8}"))

    for name in SHAPES:
        assert np.array_equal(first.weights[name], again.weights[name])
        assert not np.array_equal(first.weights[name], other.weights[name])


def test_random_weights_of_a_layer_do_not_change_when_another_one_does(tmp_path):
    first = random_graph(tmp_path)
    wider = random_graph(tmp_path, changed("features: 10", "features: 12"))

    assert np.array_equal(first.weights["conv1.weight"], wider.weights["conv1.weight"])


def test_random_weights_have_the_variance_that_keeps_the_scale(tmp_path):
    text = changed("channels: 4", "channels: 64").replace("features: 10", "features: 100")

    weights = random_graph(tmp_path, text).weights

    for name, fan_in in (("conv1.weight", 9), ("fc.weight", 64 * 9)):
        variance = weights[name].var()
        deviation = variance * (2 / weights[name].size) ** 0.5  # of the variance's estimate
        assert abs(variance - 2 / fan_in) < 4 * deviation


def test_weights_beyond_memory_are_refused_before_allocation(tmp_path):
    text = changed("[1, 8, 8]", "[1, 512, 512]")
    text = text.replace("features: 10", "features: 65536")
    path, _ = write(tmp_path, text)

    with pytest.raises(SpecError) as caught:
        check_model(path)

    assert only(caught.value).code == "HG204"


def test_many_large_layers_are_refused_before_allocation(tmp_path):
    layers = "".join(
        f"    - {{name: l{n}, op: linear, in: l{n - 1}, features: 16000}}\n" for n in range(1, 4)
    )
    text = changed(
        "    - {name: fc, op: linear, in: pool1, features: 10}\n",
        "    - {name: l0, op: linear, in: pool1, features: 16000}\n" + layers,
    )
    path, mark = write(
        tmp_path,
        text.replace("[fc]", "[l3]")
        .replace("{random: 7}", "{random: @7}")
        .replace("{fc: {activations: int8}}", "{}"),
    )

    with pytest.raises(SpecError) as caught:
        check_model(path)

    found = only(caught.value)
    assert (found.code, found.where) == ("HG205", mark)
