from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.ops import get_op
from hwgen.quant import check_qgraph, quantize, sqnr
from hwgen.spec.model import Precision
from support.graphs import make_graph, make_spec
from support.graphs_all_ops import LAYERS, all_ops_graph
from support.walk import walk

SEED = 5


def samples(count=40, seed=SEED):
    return np.random.default_rng(seed).standard_normal((count, 1, 8, 8))


@pytest.fixture
def calibrated(tmp_path):
    """Return the all-ops graph and a function that quantises it with real samples."""
    graph, file = all_ops_graph(), tmp_path / "calib.npz"
    np.savez(file, image=samples())

    def run(default, layers=None):
        return quantize(graph, make_spec(graph, default, layers, file))

    return graph, run


@pytest.mark.parametrize("symmetric", [True, False])
def test_noise_falls_by_six_decibel_a_bit(calibrated, symmetric):
    graph, run = calibrated
    ratios = []
    for bits in (4, 6, 8, 10):
        qgraph = run(Precision(bits, bits, symmetric))
        ratios.append(sqnr(graph, qgraph, {"image": samples()})["fc"])
    steps = [after - before for before, after in pairwise(ratios)]
    # Two bits halve the step twice: 12 dB on data inside the calibrated range.
    assert all(8 < step < 16 for step in steps), ratios


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_golden_equals_the_walked_works_from_input_to_output(calibrated, bits):
    _, run = calibrated
    qgraph = run(Precision(bits, bits))
    inputs = golden.random_inputs(qgraph, 3, seed=2)
    expected = golden.run(qgraph, inputs)
    for sample in range(3):
        streams = {"image": golden.to_stream(inputs["image"])[sample].tolist()}
        for node in qgraph.nodes:
            op = get_op(node.op)
            tensors = [qgraph.tensor(name) for name in node.inputs]
            shapes, types = [t.shape for t in tensors], [t.type for t in tensors]
            work = op.work(node.lowered, shapes, types)
            weights = op.stream_weights(node.lowered, shapes) if work.kind == "mac" else None
            sources = [streams[name] for name in node.inputs]
            streams[node.name] = walk(work, sources, node.lowered, weights)
            wanted = golden.to_stream(expected[node.name])[sample].tolist()
            assert streams[node.name] == wanted, node.name


def test_types_follow_the_calibrated_values(calibrated):
    _, run = calibrated
    qgraph = run(Precision(4, 4))
    types = {node.name: node.out.type for node in qgraph.nodes}
    assert qgraph.tensor("image").type.signed
    assert not types["c1"].signed
    assert types["c2"].signed
    assert types["p1"] == types["c1"]
    assert types["r"] == types["a"]
    assert types["f"] == types["p2"]
    assert (types["am"].bits, types["am"].signed) == (4, False)
    assert all(kind.bits == 4 for kind in types.values())
    assert all(kind.zero_point == 0 for kind in types.values())


def test_asymmetric_types_put_their_range_where_the_values_are(tmp_path):
    graph = make_graph({"x": (4,)}, [{"name": "y", "op": "requantize", "in": "x"}])
    values = np.random.default_rng(1).uniform(-1.0, 3.0, size=(100, 4))
    np.savez(tmp_path / "c.npz", x=values)
    spec = make_spec(graph, Precision(8, 8, symmetric=False), None, tmp_path / "c.npz")
    kind = quantize(graph, spec).tensor("x").type
    assert not kind.signed
    assert kind.zero_point == pytest.approx(64, abs=2)
    assert kind.scale == pytest.approx(4 / 255, rel=0.03)


def test_widths_are_per_layer_and_per_input(calibrated):
    _, run = calibrated
    wide = Precision(weights=8, activations=10)
    qgraph = run(Precision(4, 4), {"fc": wide, "image": Precision(4, 8), "c1": Precision(3, 4)})
    assert qgraph.tensor("image").type.bits == 8
    assert qgraph.tensor("fc").type.bits == 10
    assert qgraph.node("fc").lowered.weight_type.bits == 8
    assert qgraph.node("c1").lowered.weight_type.bits == 3
    assert qgraph.node("c2").lowered.weight_type.bits == 4


def test_the_same_inputs_give_the_same_qgraph(calibrated):
    _, run = calibrated
    first, second = run(Precision(4, 4)), run(Precision(4, 4))
    for left, right in zip(first.nodes, second.nodes, strict=True):
        assert left.out == right.out
        assert left.acc_bits == right.acc_bits
        for key, array in left.lowered.constants.items():
            assert np.array_equal(array, right.lowered.constants[key])


def test_the_bias_takes_up_the_mean_error_of_rounded_weights(tmp_path):
    graph = make_graph({"x": (32,)}, [{"name": "y", "op": "linear", "in": "x", "features": 8}])
    values = np.random.default_rng(4).uniform(1.0, 2.0, size=(200, 32))
    np.savez(tmp_path / "c.npz", x=values)
    spec = make_spec(graph, Precision(2, 12), None, tmp_path / "c.npz")
    qgraph = quantize(graph, spec)
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, {"x": values}))["y"]
    error = golden.decode_tensor(qgraph, "y", codes) - golden.run_real(graph, {"x": values})["y"]
    # Inputs have a mean of 1.5: without the correction each feature would be off by
    # 1.5 * sum(weight error), a few units; what is left is clipping of the output.
    assert np.abs(error.mean(axis=0)).max() < 0.05
    assert np.abs(error).mean() > 0.1


@pytest.mark.parametrize(
    ("op", "keys", "tokens"),
    [
        ("conv1d", {"kernel": 5, "stride": 3}, 10),
        ("conv_transpose1d", {"kernel": 3, "stride": 3}, 96),
    ],
)
def test_the_bias_of_a_convolution_takes_up_its_mean_error(tmp_path, op, keys, tokens):
    """Of a convolution over tokens too, whose results are fewer or more than its inputs."""
    layer = {"name": "y", "op": op, "in": "x", "channels": 8, **keys}
    weights = None
    if op == "conv_transpose1d":  # phases with the same weights: the mean is that of each
        one = np.random.default_rng(7).standard_normal((6, 8, 1))
        weights = {"y.weight": np.repeat(one, 3, axis=2), "y.bias": np.zeros(8)}
    graph = make_graph({"x": (32, 6)}, [layer], weights=weights)
    values = np.random.default_rng(4).uniform(1.0, 2.0, size=(200, 32, 6))
    np.savez(tmp_path / "c.npz", x=values)
    qgraph = quantize(graph, make_spec(graph, Precision(2, 12), None, tmp_path / "c.npz"))
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, {"x": values}))["y"]
    error = golden.decode_tensor(qgraph, "y", codes) - golden.run_real(graph, {"x": values})["y"]
    assert error.shape == (200, tokens, 8)
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.05
    assert np.abs(error).mean() > 0.1


@pytest.mark.parametrize(("size", "count"), [(8, 64), (128, 16), (512, 8)])
def test_large_tensors_need_fewer_random_samples(size, count):
    layer = {"name": "y", "op": "max_pool2d", "in": "x", "kernel": 2}
    graph = make_graph({"x": (1, size, size)}, [layer])
    (note,) = quantize(graph, make_spec(graph)).notes
    assert f"from {count} normally distributed" in note


def test_random_calibration_is_said():
    graph = all_ops_graph()
    qgraph = quantize(graph, make_spec(graph, Precision(8, 8)))
    assert len(qgraph.notes) == 1
    assert "No calibration data" in qgraph.notes[0]


def test_calibration_data_needs_no_note(calibrated):
    assert calibrated[1](Precision(8, 8)).notes == ()


def test_samples_that_are_left_out_are_said(tmp_path):
    graph = make_graph({"x": (2,)}, [{"name": "y", "op": "relu", "in": "x"}])
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(1).random((1500, 2)))
    spec = make_spec(graph, Precision(8, 8), None, tmp_path / "c.npz")
    assert quantize(graph, spec).notes == (
        "c.npz has 1500 samples; scales come from the first 1024.",
    )


def test_accumulators_that_are_too_wide_are_refused(calibrated):
    _, run = calibrated
    with pytest.raises(SpecError) as caught:
        run(Precision(16, 16))
    assert {d.code for d in caught.value.diagnostics} == {"HG306"}
    message = str(caught.value.diagnostics[0])
    assert "needs an accumulator of" in message
    assert "16-bit activations, 16-bit weights; the widest is 32" in message
    assert "quantize.layers" in message


@pytest.mark.parametrize(
    ("name", "precision", "text"),
    [
        ("p1", Precision(4, 8), "max_pool2d p1 has results of 4 bits by its inputs, not int8"),
        ("am", Precision(4, 8), "argmax am has results of 4 bits by its inputs, not int8"),
        ("a", Precision(8, 4), "add a has no weights that could be int8"),
    ],
)
def test_a_precision_that_an_op_cannot_have_is_refused(calibrated, name, precision, text):
    with pytest.raises(SpecError) as caught:
        calibrated[1](Precision(4, 4), {name: precision})
    assert [d.code for d in caught.value.diagnostics] == ["HG307"]
    assert text in str(caught.value)


def test_a_graph_of_zeros_quantises(tmp_path):
    graph = make_graph(
        {"x": (3,)},
        [{"name": "y", "op": "linear", "in": "x", "features": 2}],
        weights={"y.weight": np.zeros((2, 3)), "y.bias": np.zeros(2)},
    )
    np.savez(tmp_path / "c.npz", x=np.zeros((4, 3)))
    qgraph = quantize(graph, make_spec(graph, Precision(4, 4), None, tmp_path / "c.npz"))
    codes = golden.run(qgraph, golden.random_inputs(qgraph, 4, 1))
    assert not codes["y"].any()
    assert sqnr(graph, qgraph, {"x": np.zeros((4, 3))})["y"] == np.inf


def test_sqnr_is_the_ratio_of_powers(calibrated):
    graph, run = calibrated
    qgraph = run(Precision(6, 6))
    inputs = {"image": samples(10, seed=3)}
    got = sqnr(graph, qgraph, inputs)
    real = golden.run_real(graph, inputs)
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, inputs))
    noise = golden.decode_tensor(qgraph, "c2", codes["c2"]) - real["c2"]
    wanted = 10 * np.log10((real["c2"] ** 2).mean() / (noise**2).mean())
    assert got["c2"] == pytest.approx(wanted)
    assert "am" not in got
    assert set(got) == {"image", *(layer["name"] for layer in LAYERS)} - {"am"}


def edited(qgraph, name, **changes):
    nodes = tuple(replace(n, **changes) if n.name == name else n for n in qgraph.nodes)
    return replace(qgraph, nodes=nodes)


def test_the_verifier_accepts_what_quantize_gives_and_nothing_else(calibrated):
    qgraph = calibrated[1](Precision(4, 4))
    check_qgraph(qgraph)
    fc = qgraph.node("fc")
    heavy = {**fc.lowered.constants, "weight": fc.lowered.constants["weight"] * 9}
    requant = fc.lowered.requant
    broken = [
        (edited(qgraph, "fc", acc_bits=fc.acc_bits - 1), "fc has an accumulator"),
        (edited(qgraph, "fc", lowered=replace(fc.lowered, constants=heavy)), "outside 4 bits"),
        (
            edited(qgraph, "fc", lowered=replace(fc.lowered, requant=replace(requant, shift=48))),
            "fc shifts by 48",
        ),
        (
            edited(qgraph, "fc", lowered=replace(fc.lowered, requant=replace(requant, high=99))),
            "fc clamps to",
        ),
        (
            edited(
                qgraph,
                "fc",
                out=replace(fc.out, type=replace(fc.out.type, bits=40)),
            ),
            "fc has 40 bits",
        ),
        (replace(qgraph, nodes=qgraph.nodes[::-1]), "before it is computed"),
        (replace(qgraph, outputs=("nothing",)), "output nothing does not exist"),
    ]
    for graph, text in broken:
        with pytest.raises(SpecError, match=text) as caught:
            check_qgraph(graph)
        assert caught.value.code == "HG308"


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1e80, 1.0, 1.0], r"weights: a\.weight has values up to 1e\+80"),
        ([1e60, 1e60, 1.0], r"b has values up to \S+e\+120"),
        ([1e60, 1e300, 1.0], r"weights: b\.weight has values up to 1e\+300"),
    ],
)
def test_values_that_floating_point_cannot_measure_are_refused(weights, text):
    layers = [
        {"name": name, "op": "linear", "in": source, "features": 2, "bias": False}
        for name, source in (("a", "x"), ("b", "a"), ("c", "b"))
    ]
    arrays = {
        f"{name}.weight": np.full((2, 2), value) for name, value in zip("abc", weights, strict=True)
    }
    graph = make_graph({"x": (2,)}, layers, weights=arrays)
    with pytest.raises(SpecError, match=text) as caught:
        quantize(graph, make_spec(graph))
    assert caught.value.diagnostics[0].code == "HG310"


def test_two_rotations_of_one_tensor_have_one_type(tmp_path):
    layers = [
        {"name": "a", "op": "rope", "in": "x", "heads": 1, "limit": 1},  # turns nothing
        {"name": "b", "op": "rope", "in": "x", "heads": 1, "start": 1, "limit": 2},
    ]
    graph = make_graph({"x": (1, 2)}, layers, outputs=("a", "b"))
    # Alone, a would have half the range: (3, -3) turned by one radian is about (4.1, 0.9), and
    # steps are powers of two of x's.
    np.savez(tmp_path / "c.npz", x=np.full((4, 1, 2), 3.0) * [1, -1])
    widths = {"default": Precision(8, 5), "layers": {"x": Precision(8, 8)}}
    spec = make_spec(graph, **widths, calibrate=tmp_path / "c.npz")
    alone = make_graph({"x": (1, 2)}, layers[:1], outputs=("a",))

    kinds = [node.out.type for node in quantize(graph, spec).nodes]

    assert kinds[0] == kinds[1]
    other = quantize(alone, make_spec(alone, **widths, calibrate=tmp_path / "c.npz"))
    assert 2 * other.node("a").out.type.scale == kinds[0].scale


def test_phases_of_one_shape_share_a_type_and_others_do_not():
    """Results that are interleaved have one type; a layer beside them need not fit them."""
    phase = {
        "op": "conv_phase2d",
        "in": "x",
        "kernel": [1, 2],
        "rows": 4,
        "columns": 3,
        "stride": 1,
    }
    phase |= {"lead": 0, "left": 0}
    graph = make_graph(
        {"x": (2, 4, 4)},
        [
            {"name": "one", **phase, "channels": 2},
            {"name": "two", **phase, "channels": 2},
            {"name": "other", **phase, "channels": 3},
        ],
        outputs=["one", "two", "other"],
    )
    graph.weights["two.weight"][:] *= 10.0
    qgraph = quantize(graph, make_spec(graph))
    one, two, other = (qgraph.tensor(name).type for name in ("one", "two", "other"))
    assert one == two
    assert other != one
