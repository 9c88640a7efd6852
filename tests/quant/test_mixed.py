"""Mixed precision: which blocks of a linear layer's input get 4 bits, and what that costs."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.ops.blocks import Blocks
from hwgen.plan import make_plan
from hwgen.quant import check_qgraph, quantize, sqnr
from hwgen.quant.mixed import Layer, by_peak, choose_blocks
from hwgen.quant.ranges import Histogram, choose_type
from hwgen.spec.model import Mixed, Precision
from support.graphs import make_graph, make_spec

CHANNELS, BLOCK = 96, 16


def outliers(count=300, seed=3, size=40.0):
    """Rows of 96 channels, six of which, far from each other, are many times larger."""
    values = np.random.default_rng(seed).standard_normal((count, CHANNELS))
    values[:, 5::17] *= size
    return values


def plain(count=300, seed=4):
    return np.random.default_rng(seed).standard_normal((count, CHANNELS))


def net(**keys):
    layer = {"name": "y", "op": "linear", "in": "x", "features": 24, **keys}
    return make_graph({"x": (CHANNELS,)}, [layer])


def qgraph_of(tmp_path, graph, values, precision, **keys):
    np.savez(tmp_path / "c.npz", x=values)
    return quantize(graph, make_spec(graph, precision, calibrate=tmp_path / "c.npz", **keys))


def blocks_of(qgraph, name="y"):
    lowered = qgraph.node(name).lowered
    return Blocks.of(lowered.attrs, lowered.constants)


def layer_of(values, bias=True, bits=8, seed=1):
    weight = np.random.default_rng(seed).standard_normal((24, CHANNELS))
    kind = choose_type(Histogram.of(values), bits, symmetric=True)
    codes = np.clip(np.floor(values / kind.scale + 0.5), kind.low, kind.high).astype(np.int64)
    rounded = np.round(weight * 3) / 3
    return Layer(values, codes, kind, weight, rounded, np.ones(len(values)), bias=bias)


def test_outliers_gather_in_one_block_of_8_bits(tmp_path):
    graph, values = net(), outliers()
    wide = Precision(4, 8)
    mixed = qgraph_of(tmp_path, graph, values, Precision(4, 8, mixed=Mixed(BLOCK, 1.0)))
    all_eight = qgraph_of(tmp_path, graph, values, wide)
    all_four = qgraph_of(tmp_path, graph, values, Precision(4, 4))
    blocks = blocks_of(mixed)
    assert (blocks.bits.count(4), blocks.bits.count(8)) == (5, 1)
    assert set(range(5, CHANNELS, 17)) <= set(blocks.order[:BLOCK].tolist())
    fresh = {"x": outliers(200, seed=8)}
    ratios = {
        name: sqnr(graph, qgraph, fresh)["y"]
        for name, qgraph in (("mixed", mixed), ("8", all_eight), ("4", all_four))
    }
    assert ratios["mixed"] > ratios["8"] - 1.2  # what was asked for, on other data
    assert ratios["4"] < ratios["8"] - 4


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bits", [8, 12])
def test_the_loss_is_what_the_results_lose(bias, bits):
    layer = layer_of(outliers(), bias, bits)
    for limit in (0.1, 1.0, 3.0):
        choice = choose_blocks(layer, BLOCK, limit)
        noise = []
        for widths in (choice.blocks.bits, (8,) * 6):
            found = Blocks(
                choice.blocks.order,
                BLOCK,
                widths,
                choice.blocks.shifts if widths is choice.blocks.bits else eight_shifts(layer),
                signed=True,
            )
            got = found.rounded(layer.codes) * layer.kind.scale @ layer.rounded.T
            error = got - layer.real @ layer.weight.T
            noise.append(np.mean((error - error.mean(axis=0) * bias) ** 2))
        assert 10 * np.log10(noise[0] / noise[1]) == pytest.approx(choice.loss, abs=1e-6)
        assert choice.loss <= limit


def eight_shifts(layer):
    return choose_blocks(layer, BLOCK, 0.0).blocks.shifts


def test_no_loss_leaves_8_bits_everywhere_and_any_loss_4():
    layer = layer_of(plain())
    none, some, much = (choose_blocks(layer, BLOCK, loss) for loss in (0.0, 2.0, 50.0))
    assert none.blocks.four == 0
    assert 0 < some.blocks.four < 6
    assert much.blocks.four == 6
    assert much.loss == pytest.approx(much.all_four)
    assert 0 < none.least_four < none.all_four


def test_gathering_pays():
    layer = layer_of(outliers())
    gathered, scattered = (
        choose_blocks(layer, BLOCK, 1.0, reorder=reorder) for reorder in (True, False)
    )
    assert gathered.blocks.four > scattered.blocks.four
    assert scattered.blocks.order.tolist() == list(range(CHANNELS))
    assert by_peak(np.array([[1.0, -5.0, 2.0], [0.0, 1.0, -3.0]])).tolist() == [1, 2, 0]


def test_steps_of_blocks_follow_their_channels():
    values = plain()
    values[:, : CHANNELS // 2] *= 16.0
    choice = choose_blocks(layer_of(values), CHANNELS // 2, 100.0)
    assert choice.blocks.shifts[0] - choice.blocks.shifts[1] in (3, 4)


def test_codes_leave_room_for_two_signed_digits(tmp_path):
    values = plain()
    for mixed, high in ((None, 127), (Mixed(BLOCK), 119)):
        precision = Precision(4, 8, range="max", mixed=mixed)
        kind = qgraph_of(tmp_path, net(), values, precision).tensor("x").type
        assert kind.scale * high == pytest.approx(np.abs(values).max())


@pytest.mark.parametrize("activations", [6, 8, 12, 16])
@pytest.mark.parametrize("symmetric", [True, False])
def test_inputs_of_any_type(tmp_path, activations, symmetric):
    graph, values = net(), outliers()
    wide = Precision(8, activations, symmetric=symmetric)
    mixed = Precision(8, activations, symmetric=symmetric, mixed=Mixed(BLOCK, 1.0))
    fresh = {"x": outliers(100, seed=8)}
    ratios = [
        sqnr(graph, qgraph_of(tmp_path, graph, values, precision), fresh)["y"]
        for precision in (wide, mixed)
    ]
    # A wide input has 8 bits in some blocks at best.
    assert min(ratios[0], 28) - ratios[1] < 1.5


def test_sequences_and_compensated_weights(tmp_path):
    graph = make_graph(
        {"x": (6, CHANNELS)},
        [
            {"name": "n", "op": "layer_norm", "in": "x"},
            {"name": "y", "op": "linear", "in": "n", "features": 24, "activation": "relu"},
        ],
    )
    values = outliers(60).reshape(10, 6, CHANNELS)
    np.savez(tmp_path / "c.npz", x=values)
    ratios = {}
    for rounding in ("nearest", "compensated"):
        for mixed in (None, Mixed(BLOCK, 1.0)):
            spec = make_spec(graph, Precision(4, 8, mixed=mixed), calibrate=tmp_path / "c.npz")
            object.__setattr__(spec.quantize, "rounding", rounding)
            qgraph = quantize(graph, spec)
            ratios[rounding, mixed is None] = sqnr(graph, qgraph, {"x": values})["y"]
    for rounding in ("nearest", "compensated"):
        assert ratios[rounding, False] > ratios[rounding, True] - 2
    assert ratios["compensated", False] > ratios["nearest", False]


def test_notes_have_the_numbers(tmp_path):
    some = qgraph_of(tmp_path, net(), outliers(), Precision(4, 8, mixed=Mixed(BLOCK, 1.0)))
    assert some.notes == ("Mixed precision: 5 of 6 blocks (83%) have 4 bits in 1 linear layer.",)
    none = qgraph_of(tmp_path, net(), plain(), Precision(8, 8, mixed=Mixed(BLOCK, 0.0)))
    assert "0 of 6 blocks (0%)" in none.notes[0]
    assert "y has no block of 4 bits: with one its result would lose" in none.notes[1]
    assert "dB" in none.notes[1]


@pytest.mark.parametrize(
    ("layers", "codes", "text"),
    [
        ({"default": Mixed(40)}, ["HG471"], "reads 96 channels, which blocks of 40 do not divide"),
        ({"f": Mixed(16)}, ["HG470"], "flatten f cannot read blocks of 4 and 8 bits"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(tmp_path, layers, codes, text):
    graph = make_graph(
        {"x": (CHANNELS, 1, 1)},
        [
            {"name": "f", "op": "flatten", "in": "x"},
            {"name": "y", "op": "linear", "in": "f", "features": 24},
        ],
    )
    named = {key: Precision(mixed=mixed) for key, mixed in layers.items()}
    spec = make_spec(graph, named.pop("default", None), named)
    with pytest.raises(SpecError) as caught:
        quantize(graph, spec)
    assert [found.code for found in caught.value.diagnostics] == codes
    assert text in caught.value.diagnostics[0].message
    if codes == ["HG471"]:
        assert "1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96" in caught.value.diagnostics[0].hint


def test_outliers_cannot_be_guessed():
    with pytest.raises(SpecError) as caught:
        quantize(net(), make_spec(net(), Precision(mixed=Mixed(BLOCK))))
    assert caught.value.diagnostics[0].code == "HG314"


def test_a_plan_wants_weights_of_digits_for_blocks(tmp_path):
    accelerator = make_spec(net()).accelerator
    accelerator = replace(accelerator, budget=replace(accelerator.budget, multipliers=4))
    for bits, narrow in ((4, True), (3, False), (5, False), (8, False)):
        precision = Precision(bits, 8, narrow=narrow, mixed=Mixed(BLOCK))
        plan = make_plan(qgraph_of(tmp_path, net(), outliers(), precision), accelerator)
        assert [engine.template for engine in plan.engines] == ["mac_array"]
    for bits, most in ((4, 7), (8, 112)):
        precision = Precision(bits, 8, narrow=True, mixed=Mixed(BLOCK))
        wide = qgraph_of(tmp_path, net(), outliers(), precision)
        weight = wide.node("y").lowered.constants["weight"]
        assert (weight.min(), weight.max()) == (-most, most)
        weight[0, 0] = -most - 1  # ready-made integers
        with pytest.raises(SpecError, match=f"weights from -{most} to {most}\n") as caught:
            make_plan(wide, accelerator)
        assert [found.code for found in caught.value.diagnostics] == ["HG477"]


@pytest.mark.parametrize("rounding", ["nearest", "compensated"])
def test_weights_of_8_bits_keep_to_two_digits(tmp_path, rounding):
    """By clipping at a scale of their own: 112 steps of a channel lose 1.1 dB against 127."""
    graph, values = net(), outliers()
    found = {}
    for mixed in (None, Mixed(BLOCK, 1.0)):
        np.savez(tmp_path / "c.npz", x=values)
        spec = make_spec(
            graph, Precision(8, 12, narrow=True, mixed=mixed), calibrate=tmp_path / "c.npz"
        )
        object.__setattr__(spec.quantize, "rounding", rounding)
        found[mixed is None] = quantize(graph, spec).node("y").lowered
    assert np.abs(found[True].constants["weight"]).max() == 127
    assert np.abs(found[False].constants["weight"]).max() == 112
    weight, noise = graph.weights["y.weight"], []
    for plain in (True, False):
        scale = np.array(found[plain].attrs["weight_scale"])[:, None]
        noise.append(np.mean((found[plain].constants["weight"] * scale - weight) ** 2))
    assert 0.5 < 10 * np.log10(noise[1] / noise[0]) < 1.7


def test_the_verifier_knows_blocks(tmp_path):
    qgraph = qgraph_of(tmp_path, net(), outliers(), Precision(4, 8, mixed=Mixed(BLOCK)))
    check_qgraph(qgraph)
    lowered = qgraph.node("y").lowered
    for key, value in (
        ("block_bits", (4, 5) * 3),
        ("block_bits", (4,)),
        ("block_shifts", (-1,) * 6),
    ):
        good = lowered.attrs[key]
        lowered.attrs[key] = value
        with pytest.raises(SpecError):
            check_qgraph(qgraph)
        lowered.attrs[key] = good
    lowered.constants["order"][0] = lowered.constants["order"][1]
    with pytest.raises(SpecError, match="order that is none"):
        check_qgraph(qgraph)


def test_the_same_data_give_the_same_blocks(tmp_path):
    precision = Precision(4, 8, mixed=Mixed(BLOCK))
    first, second = (qgraph_of(tmp_path, net(), outliers(), precision) for _ in range(2))
    inputs = golden.random_inputs(first, 5, 1)
    assert np.array_equal(golden.run(first, inputs)["y"], golden.run(second, inputs)["y"])
    assert blocks_of(first).attrs() == blocks_of(second).attrs()


def mlp(tail="gelu", **keys):
    """Two linear layers; channels of what stands between them differ in size by far."""
    layers = [
        {"name": "up", "op": "linear", "in": "x", "features": CHANNELS},
        {"name": "act", "op": tail, "in": "up"},
        {"name": "down", "op": "linear", "in": "act", "features": 24},
    ]
    graph = make_graph({"x": (5, 16)}, layers, **keys)
    weight = graph.weights["up.weight"].copy()
    weight[5::17] *= 30.0
    return make_graph({"x": (5, 16)}, layers, weights={"up.weight": weight}, **keys)


@pytest.mark.parametrize("tail", ["gelu", "relu", "silu", "requantize"])
def test_the_layer_before_moves_its_channels(tmp_path, tail):
    graph = mlp(tail)
    values = np.random.default_rng(2).standard_normal((40, 5, 16))
    np.savez(tmp_path / "c.npz", x=values)
    precision = Precision(4, 8, symmetric=False, mixed=Mixed(BLOCK, 3.0))
    named = {"up": Precision(8, 8, mixed=None)}
    qgraph = quantize(graph, make_spec(graph, precision, named, tmp_path / "c.npz"))
    blocks = blocks_of(qgraph, "down")
    assert blocks.order.tolist() == list(range(CHANNELS))
    assert (blocks.bits[0], blocks.bits[-1]) == (8, 4)
    moved = qgraph.node("act").scaled
    assert moved.order == qgraph.node("up").scaled.order
    assert set(range(5, CHANNELS, 17)) <= set(moved.order[:BLOCK])
    # Each layer is compared with the right channels of the real-valued graph.
    real = golden.run_real(graph, {"x": values})
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, {"x": values}))
    for name in ("up", "act"):
        got = golden.decode_tensor(qgraph, name, codes[name])
        wanted = real[name][..., list(moved.order)]
        assert np.mean((got - wanted) ** 2) < 1e-2 * np.mean(wanted**2)
    ratios = sqnr(graph, qgraph, {"x": values})
    assert ratios["act"] > 20
    assert ratios["down"] > 12


def test_channels_that_others_read_stay_where_they_are(tmp_path):
    values = np.random.default_rng(2).standard_normal((40, 5, 16))
    precision = Precision(8, 8, mixed=Mixed(BLOCK, 1.0))
    for keys in ({"outputs": ["act", "down"]}, {"outputs": ["up", "down"]}):
        graph = mlp(**keys)
        np.savez(tmp_path / "c.npz", x=values)
        named = {"up": Precision(8, 8, mixed=None)}
        qgraph = quantize(graph, make_spec(graph, precision, named, tmp_path / "c.npz"))
        assert qgraph.node("up").scaled is None
        assert blocks_of(qgraph, "down").order.tolist() != list(range(CHANNELS))
