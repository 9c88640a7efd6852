"""Blocks: what they expand into, and that this is the transformer of the papers."""

import numpy as np
import pytest

from hwgen.errors import SpecError
from hwgen.graph import build_graph, check_model
from hwgen.quant import quantize
from hwgen.quant.execute import run_real
from hwgen.spec import load_spec
from support.spec_texts import only, write

TOKENS, FEATURES = 6, 8


def text(block="heads: 2, hidden: 12", *, source="x", inputs="x: {shape: [6, 8]}", more=""):
    return f"""\
hwgen: 1
name: net
model:
  inputs: {{{inputs}}}
  layers:
    - {{name: enc, op: transformer_block, in: {source}, {block}}}
  outputs: [enc]
weights: {{random: 3}}
{more}accelerator: {{schedule: sequential, budget: {{multipliers: 4}}}}
"""


def graph_of(folder, *args, **kwargs):
    path, _ = write(folder, text(*args, **kwargs))
    return check_model(path)[1]


# -- structure ------------------------------------------------------------------------------------


def test_a_block_is_named_after_its_line_and_its_parts(tmp_path):
    graph = graph_of(tmp_path)

    assert [(node.name, node.op, node.inputs) for node in graph.nodes] == [
        ("enc_norm1", "layer_norm", ("x",)),
        ("enc_query", "linear", ("enc_norm1",)),
        ("enc_key", "linear", ("enc_norm1",)),
        ("enc_value", "linear", ("enc_norm1",)),
        ("enc_attention", "attention", ("enc_query", "enc_key", "enc_value")),
        ("enc_project", "linear", ("enc_attention",)),
        ("enc_sum1", "add", ("x", "enc_project")),
        ("enc_norm2", "layer_norm", ("enc_sum1",)),
        ("enc_up", "linear", ("enc_norm2",)),
        ("enc_act", "gelu", ("enc_up",)),
        ("enc_down", "linear", ("enc_act",)),
        ("enc", "add", ("enc_sum1", "enc_down")),
    ]
    assert graph.node("enc").label == "enc_sum2"
    assert graph.shape("enc") == (TOKENS, FEATURES)
    assert {node.mark.line for node in graph.nodes} == {6}


def test_repeated_blocks_are_numbered_and_read_each_other(tmp_path):
    graph = graph_of(tmp_path, "heads: 2, hidden: 12, order: post_norm, repeat: 3")

    names = [node.name for node in graph.nodes]
    assert len(names) == 36
    assert names[11] == "enc_0_norm2"
    assert names[-1] == "enc"
    assert graph.node("enc_1_query").inputs == ("enc_0_norm2",)
    assert graph.node("enc_2_sum1").inputs == ("enc_1_norm2", "enc_2_project")
    assert graph.node("enc").labels == ("enc_2_norm2", "enc_2", "enc")
    assert graph.outputs == ("enc",)


def test_a_relu_of_the_mlp_is_merged_into_its_linear_layer(tmp_path):
    graph = graph_of(tmp_path, "heads: 2, hidden: 12, activation: relu")

    assert "enc_up" not in [node.name for node in graph.nodes]
    assert graph.node("enc_act").op == "linear"
    assert graph.node("enc_act").label == "enc_act"


def test_a_block_reads_and_is_read_by_other_layers(tmp_path):
    path, _ = write(
        tmp_path,
        text(source="first")
        .replace("  outputs: [enc]", "    - {name: last, op: linear, in: enc, features: 3}\n"
                 "    - {name: first, op: linear, in: x, features: 4}\n  outputs: [last]"),
    )  # fmt: skip

    graph = check_model(path)[1]

    assert graph.shape("enc") == (TOKENS, 4)
    assert graph.shape("last") == (TOKENS, 3)
    assert graph.node("last").inputs == ("enc",)


# -- weights --------------------------------------------------------------------------------------


def test_arrays_of_a_file_have_the_names_of_the_parts(tmp_path):
    block = "heads: 2, hidden: 12, order: post_norm, repeat: 2, bias: false"
    shapes = {}
    for i in range(2):
        shapes |= {f"enc_{i}_{name}.weight": (8, 8) for name in ("query", "key", "value")}
        shapes |= {f"enc_{i}_project.weight": (8, 8), f"enc_{i}_up.weight": (12, 8)}
        shapes |= {f"enc_{i}_down.weight": (8, 12)}
        shapes |= {f"enc_{i}_norm{k}.weight": (8,) for k in (1, 2)}
    rng = np.random.default_rng(5)
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    np.savez(tmp_path / "w.npz", **arrays)
    path, _ = write(tmp_path, text(block).replace("{random: 3}", "{file: w.npz}"))

    graph = check_model(path)[1]

    assert np.array_equal(graph.node_weights("enc")["weight"], arrays["enc_1_norm2.weight"])
    assert np.array_equal(graph.node_weights("enc_0_up")["weight"], arrays["enc_0_up.weight"])
    del arrays["enc_1_norm2.weight"]
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(SpecError) as caught:
        check_model(path)
    found = only(caught.value)
    assert found.code == "HG211"
    assert "'enc_1_norm2.weight'" in found.message


# -- precision ------------------------------------------------------------------------------------


def test_precision_is_that_of_the_part_the_repetition_or_the_block(tmp_path):
    more = """\
quantize:
  layers:
    enc: {weights: int3}
    enc_1: {weights: int4, activations: int7}
    enc_1_down: {weights: int6}
    enc_1_sum2: {activations: int5}
    x: {activations: int6}
"""
    path, _ = write(tmp_path, text("heads: 2, hidden: 12, repeat: 2", more=more))
    spec = load_spec(path)

    qgraph = quantize(build_graph(spec), spec)

    def widths(name):
        node = qgraph.node(name)
        return node.lowered.weight_type.bits, node.out.type.bits

    assert widths("enc_0_query") == widths("enc_0_down") == (3, 8)
    assert widths("enc_1_query") == (4, 7)
    assert widths("enc_1_down") == (6, 8)
    assert qgraph.node("enc_1_sum1").out.type.bits == 7
    assert qgraph.node("enc").out.type.bits == 5
    assert qgraph.tensor("x").type.bits == 6


# -- values: against plain loops ------------------------------------------------------------------


def norm(x, weight, bias, *, rms, eps=1e-5):
    centre = 0.0 if rms else x.mean(axis=-1, keepdims=True)
    spread = np.sqrt(((x - centre) ** 2).mean(axis=-1, keepdims=True) + eps)
    return (x - centre) / spread * weight + bias


def rotate(vector, position, theta):
    """Turn a head's element pairs (i, i + size / 2) as complex numbers."""
    half = len(vector) // 2
    turns = np.exp(1j * position * theta ** (-np.arange(half) / half))
    turned = (vector[:half] + 1j * vector[half:]) * turns
    return np.concatenate([turned.real, turned.imag])


def attend(queries, keys, values, sees):
    """Attention of lists of heads; ``sees(q)`` lists the keys of query ``q``."""
    rows = []
    for q, heads in enumerate(queries):
        row = []
        for h, query in enumerate(heads):
            group = h * len(keys[0]) // len(heads)
            scores = np.array([query @ keys[k][group] for k in sees(q)]) / np.sqrt(len(query))
            share = np.exp(scores - scores.max())
            share /= share.sum()
            row.append(sum(s * values[k][group] for s, k in zip(share, sees(q), strict=True)))
        rows.append(np.concatenate(row))
    return np.array(rows)


def split(rows, heads):
    return [np.split(row, heads) for row in rows]


class Reference:
    """One block in floating point, from the arrays of its graph."""

    def __init__(self, graph, prefix, *, heads, kv_heads=None, rms=False):
        self.graph, self.prefix, self.rms = graph, prefix, rms
        self.heads, self.kv_heads = heads, kv_heads or heads

    def arrays(self, part):
        (node,) = [n for n in self.graph.nodes if n.label == f"{self.prefix}_{part}"]
        found = self.graph.node_weights(node.name)
        return found["weight"], found.get("bias", 0.0)

    def linear(self, part, x):
        weight, bias = self.arrays(part)
        return x @ weight.T + bias

    def norm(self, part, x):
        return norm(x, *self.arrays(part), rms=self.rms)

    def attention(self, x, memory, sees, prefix="", theta=None):
        query = split(self.linear(f"{prefix}query", x), self.heads)
        key = split(self.linear(f"{prefix}key", memory), self.kv_heads)
        value = split(self.linear(f"{prefix}value", memory), self.kv_heads)
        if theta:
            query = [[rotate(h, t, theta) for h in row] for t, row in enumerate(query)]
            key = [[rotate(h, t, theta) for h in row] for t, row in enumerate(key)]
        return self.linear(f"{prefix}project", attend(query, key, value, sees))


def real(graph, **inputs):
    return run_real(graph, inputs)["enc"]


def sample(*shape, seed=2):
    return np.random.default_rng(seed).normal(size=shape)


def test_post_norm_is_that_of_bert(tmp_path):
    graph = graph_of(tmp_path, "heads: 2, hidden: 12, order: post_norm, activation: relu")
    block = Reference(graph, "enc", heads=2)
    x = sample(TOKENS, FEATURES)

    attended = block.attention(x, x, lambda q: range(TOKENS))
    middle = block.norm("norm1", x + attended)
    # The activation is merged into `up`, whose arrays go with it.
    weight, bias = block.arrays("act")
    hidden = np.maximum(middle @ weight.T + bias, 0.0)
    expected = block.norm("norm2", middle + block.linear("down", hidden))

    assert np.allclose(real(graph, x=x[None])[0], expected, atol=1e-9)


def test_pre_norm_gated_causal_grouped_rope_is_that_of_llama(tmp_path):
    graph = graph_of(
        tmp_path,
        "heads: 4, kv_heads: 2, hidden: 10, repeat: 2, norm: rms_norm, gated: true, bias: false, "
        "activation: silu, causal: true, rope: {theta: 100}",
        inputs="x: {shape: [6, 16]}",
    )
    x = now = sample(TOKENS, 16)

    for i in range(2):
        block = Reference(graph, f"enc_{i}", heads=4, kv_heads=2, rms=True)
        read = block.norm("norm1", now)
        now = now + block.attention(read, read, lambda q: range(q + 1), theta=100.0)
        read = block.norm("norm2", now)
        gate, up = block.linear("gate", read), block.linear("up", read)
        now = now + block.linear("down", gate / (1 + np.exp(-gate)) * up)

    assert np.allclose(real(graph, x=x[None])[0], now, atol=1e-9)


def test_cross_attention_and_padding(tmp_path):
    graph = graph_of(
        tmp_path,
        "heads: 2, hidden: 12, activation: relu, causal: true, cross_attention: true, "
        "padded: true, memory_padded: true",
        source="[x, y, n, m]",
        inputs="x: {shape: [6, 8]}, y: {shape: [5, 10]}, n: {shape: [1]}, m: {shape: [1]}",
    )
    block = Reference(graph, "enc", heads=2)
    x, y, count, memory_count = sample(TOKENS, FEATURES), sample(5, 10, seed=4), 4, 3

    read = block.norm("norm1", x)
    middle = x + block.attention(read, read, lambda q: range(min(q + 1, count)))
    read = block.norm("cross_norm", middle)
    middle = middle + block.attention(read, y, lambda q: range(memory_count), "cross_")
    weight, bias = block.arrays("act")
    hidden = np.maximum(block.norm("norm2", middle) @ weight.T + bias, 0.0)
    expected = middle + block.linear("down", hidden)

    counts = {"n": np.array([[float(count)]]), "m": np.array([[float(memory_count)]])}
    assert np.allclose(real(graph, x=x[None], y=y[None], **counts)[0], expected, atol=1e-9)


def test_sinks_in_a_cache_have_positions_inside_the_cache(tmp_path):
    """StreamingLLM: keys are rotated by their place in the cache, not in the text."""
    window, sinks, theta, steps = 5, 2, 50.0, 20
    graph = graph_of(
        tmp_path,
        f"heads: 2, hidden: 12, causal: true, cache: {{}}, window: {window}, sinks: {sinks}, "
        f"tile: 8, rope: {{theta: {theta:.1f}}}",
        inputs="x: {shape: [1, 8]}",
    )
    block = Reference(graph, "enc", heads=2)
    x = sample(steps, FEATURES)

    read = block.norm("norm1", x)
    queries, keys, values = (
        split(block.linear(part, read), 2) for part in ("query", "key", "value")
    )
    attended = []
    for now in range(steps):
        kept = [k for k in range(now + 1) if k < sinks or k > now - window]
        place = {key: index for index, key in enumerate(kept)}
        turned = [[rotate(h, place[k], theta) for h in keys[k]] for k in kept]
        query = [[rotate(h, place[now], theta) for h in queries[now]]]
        kept_values = [values[k] for k in kept]
        attended.append(attend(query, turned, kept_values, lambda q: range(len(kept)))[0])  # noqa: B023

    got = run_real(graph, {"x": x[:, None]})["enc_attention"][:, 0]
    assert np.allclose(got, np.array(attended), atol=1e-9)
    assert graph.node("enc_attention").inputs[3] == "enc_sink_rope"


# -- mistakes -------------------------------------------------------------------------------------


def mistake(folder, spec):
    """Return the one diagnostic of a spec and check that it stands at the ``@``."""
    path, mark = write(folder, spec)
    with pytest.raises(SpecError) as caught:
        check_model(path)
    found = only(caught.value)
    assert found.where == mark, str(found)
    assert caught.value.exit_code == 2
    return found


@pytest.mark.parametrize(
    ("block", "message", "hint"),
    [
        ("heads: @3, hidden: 12", "3 heads do not divide 8 features", "legal: 1, 2, 4, 8"),
        (
            "heads: @8, hidden: 12, rope: {}",
            "8 heads do not divide 8 features into pairs",
            "legal: 1, 2, 4",
        ),
        ("heads: 4, kv_heads: @3, hidden: 12", "3 key heads cannot share 4", "legal: 1, 2, 4"),
        ("heads: 2, hidden: 12, memory_padded: @true", "there is none", "cross_attention: true"),
        (
            "heads: 2, hidden: 12, causal: true, window: @3, sinks: 4",
            "window 3 is smaller than the 4 sinks",
            "window: 4 or more",
        ),
        ("heads: 2, hidden: 12, window: @3", "is causal", "causal: true"),
        (
            "heads: 2, hidden: 12, causal: true, cache: @{length: 4}",
            "cache length 4 is less than the 6 tokens",
            "6 or more",
        ),
        ("heads: 2, hidden: 12, order: @prenorm", "must not be 'prenorm'", "'pre_norm'"),
        ("heads: 2, hidden: 12, repeat: @0", "at least 1", "how many times"),
        ("heads: 2, hidden: 12, rope: {theta: @1}", "greater than 1", "base"),
        ("heads: 2, hidden: 12, rope: {@base: 7}", "'base'", "theta"),
        ("heads: 2, hidden: 12, @kvheads: 1", "'kvheads'", "did you mean 'kv_heads'?"),
    ],
)
def test_a_mistake_in_the_line_of_a_block(tmp_path, block, message, hint):
    found = mistake(tmp_path, text(f"repeat: 4, {block}" if "repeat" not in block else block))

    assert message in found.message
    assert hint in found.hint


@pytest.mark.parametrize(
    ("source", "inputs", "hint"),
    [
        ("@[x, y]", "x: {shape: [6, 8]}, y: {shape: [6, 8]}", "in order: the sequence"),
        ("@x", "x: {shape: [8]}", "shape: [tokens, features]"),
        ("@x", "x: {shape: [2, 6, 8]}", "shape: [tokens, features]"),
    ],
)
def test_inputs_that_a_block_cannot_read(tmp_path, source, inputs, hint):
    found = mistake(tmp_path, text(source=source, inputs=inputs))

    assert found.code == "HG202"
    assert hint in found.hint


def test_a_part_that_does_not_exist(tmp_path):
    more = "quantize:\n  layers: {enc_1_query: {weights: int4}, @enc_1_qery: {weights: int4}}\n"
    found = mistake(tmp_path, text("heads: 2, hidden: 12, repeat: 2", more=more))

    assert found.code == "HG120"
    assert "'enc_1_qery'" in found.message
    assert "did you mean 'enc_1_query'?" in found.hint


def test_a_part_cannot_be_read(tmp_path):
    spec = text().replace(
        "  outputs", "    - {name: r, op: relu, in: @enc_query}\n  outputs"
    ).replace("[enc]", "[enc, r]")  # fmt: skip

    assert mistake(tmp_path, spec).code == "HG116"


def test_a_layer_with_the_name_of_a_part(tmp_path):
    spec = text().replace(
        "    - {name: enc", "    - {name: enc_query, op: relu, in: x}\n    - @{name: enc"
    ).replace("[enc]", "[enc, enc_query]")  # fmt: skip

    found = mistake(tmp_path, spec)

    assert found.code == "HG115"
    assert "'enc_query'" in found.message


def test_names_of_parts_can_get_too_long(tmp_path):
    name = "e" * 60
    spec = text().replace("name: enc", f"name: @{name}").replace("[enc]", f"[{name}]")

    found = mistake(tmp_path, spec)

    assert "64 characters" in found.hint


def test_repeats_have_a_limit(tmp_path):
    assert "256" in mistake(tmp_path, text("heads: 2, hidden: 12, repeat: @100000")).message
