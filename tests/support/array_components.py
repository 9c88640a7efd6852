"""Random nodes of the ops on the array, and their stand-alone components."""

from math import prod

from hwgen.emit.rtl.array_tasks import array_task
from hwgen.ops import LowerOptions, QType, get_op
from hwgen.plan.array_lanes import score_units
from hwgen.plan.model import Fold
from hwgen.quant.check import acc_bits_of
from rtl_templates.arith.requantize import Scale
from rtl_templates.systolic.attention import Attention
from rtl_templates.systolic.matmul import Matmul

__all__ = ["ARRAY_OPS", "build_attention", "build_matmul", "draw_array_node"]

ARRAY_OPS = ("matmul", "attention")

TILE = 8


def draw_array_node(name, rng):
    """Return the fields of a small random node."""
    op = get_op(name)
    keys, shapes = _matmul(rng) if name == "matmul" else _attention(rng)
    params = op.Params.model_validate(keys)
    types = [kind or _factor(rng) for kind in op.in_types(params, shapes)]
    out = QType(int(rng.integers(2, 9)), True, float(rng.choice([0.01, 0.1, 1.0])))
    lowered = op.lower(params, {}, shapes, types, out, LowerOptions(8))
    work = op.work(lowered, shapes, types)
    lanes = int(rng.choice([n for n in (1, 2, 4, 8) if work.outputs % n == 0]))
    columns = int(rng.choice([1, 3, 4]))
    scores = score_units([work], TILE, columns)
    fold = Fold(rows=TILE, outputs=columns, lanes=lanes, scores=scores)
    beats = [n for n in (1, 2, 4, 8) if not any(prod(shape) % n for shape in shapes)]
    return op, shapes, types, out, lowered, fold, int(rng.choice(beats))


def _factor(rng):
    signed = bool(rng.integers(2))
    bits = int(rng.integers(2, 9 if signed else 8))
    return QType(bits, signed, float(rng.choice([0.02, 0.1, 0.5])))


def _matmul(rng):
    tokens, inner, features = (int(n) for n in rng.integers(1, 14, size=3))
    turned = bool(rng.integers(2))
    second = (features, inner) if turned else (inner, features)
    return {"transpose_b": turned}, [(tokens, inner), second]


def _attention(rng):
    kv_heads, group = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    inner, features = (int(n) for n in rng.choice([2, 3, 4, 8], size=2))
    queries, rows = int(rng.integers(1, 6)), int(rng.integers(1, 22))
    heads = kv_heads * group
    keys = {"heads": heads, "kv_heads": kv_heads, "tile": TILE, "causal": bool(rng.integers(2))}
    keys["sinks"] = int(rng.choice([0, 0, 3, 9]))
    if keys["causal"] and rng.integers(2):
        keys["window"] = int(rng.integers(9, 15))
    shapes = [(queries, heads * inner), (rows, kv_heads * inner), (rows, kv_heads * features)]
    if rng.integers(2):
        keys["padded"] = True
        shapes.append((1,))
    return keys, shapes


def _sizes(node):
    requant = node.lowered.requant
    return {
        "x": node.x,
        "acc_bits": acc_bits_of(node.op.name, node.lowered, node.shapes, node.types),
        "out_bits": node.out.bits,
        "columns": node.fold.outputs,
        "reads": 2,
        "lanes": node.fold.lanes,
        "beat": node.beat,
    }, Scale(requant.shift, requant.zero_point, requant.low, requant.high)


def build_matmul(node):
    """Return the component."""
    attend, (sizes, scale) = node.work.attend, _sizes(node)
    return Matmul(
        tokens=attend.queries,
        inner=attend.inner,
        features=attend.features,
        transposed=attend.transposed,
        multiplier=int(node.lowered.requant.multiplier[0]),
        scale=scale,
        rows=node.fold.rows,
        **sizes,
    )


def build_attention(node):
    """Return the component."""
    sizes, _ = _sizes(node)
    task = array_task(node.work, node.lowered, node.types)
    return Attention(
        lane=task.lane, inner=task.inner, tile=node.fold.rows, scores=node.fold.scores, **sizes
    )
