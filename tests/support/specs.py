"""From the text of a spec to its qgraph and plan."""

from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec


def compile_spec(text, folder):
    """Return (qgraph, plan) of a spec that names no files."""
    path = folder / "spec.yaml"
    path.write_text(text)
    return compile_file(path)


def compile_file(path):
    """Return (qgraph, plan) of a spec file."""
    spec = load_spec(path)
    qgraph = quantize(build_graph(spec), spec)
    return qgraph, make_plan(qgraph, spec.accelerator)
