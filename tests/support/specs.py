"""From the text of a spec to its qgraph and plan."""

from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize, stream
from hwgen.spec import load_spec


def compile_spec(text, folder):
    """Return (qgraph, plan) of a spec that names no files."""
    path = folder / "spec.yaml"
    path.write_text(text)
    return compile_file(path)


def compile_file(path):
    """Return (qgraph, plan) of a spec file."""
    spec = load_spec(path)
    graph = build_graph(spec)
    qgraph = quantize(graph, spec)
    if spec.stream is not None:
        qgraph = stream(qgraph, graph, spec.stream.chunk, exact=spec.stream.exact)
    return qgraph, make_plan(qgraph, spec.accelerator)
