"""What a user reads when the C++ and the golden model differ, and what is not compiled twice."""

import re

import pytest

from hwgen.emit.hls import emit
from hwgen.errors import ToolError, VerificationError
from hwgen.golden import random_inputs, run
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.verify import hls
from hwgen.verify.hls import check_hls, simulate_hls
from support.graphs import make_spec
from support.graphs_all_ops import all_ops_graph, sequence_graph

pytestmark = pytest.mark.hls
SCHEDULES = ("sequential", "dataflow")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def design(request, tmp_path):
    graph = sequence_graph() if request.param == "sequence" else all_ops_graph()
    schedule = "sequential" if request.param == "sequence" else request.param
    spec = make_spec(graph, multipliers=12, schedule=schedule)
    qgraph = quantize(graph, spec)
    folder = tmp_path / "hls"
    emit(make_plan(qgraph, spec.accelerator), qgraph, folder)
    return folder, qgraph


def edit(path, pattern, replacement):
    """Change the first match; the pattern must be there."""
    text = path.read_text()
    changed = re.sub(pattern, replacement, text, count=1, flags=re.DOTALL)
    assert changed != text
    path.write_text(changed)


@pytest.mark.parametrize("design", [*SCHEDULES, "sequence"], indirect=True)
def test_every_tensor_can_be_traced(design):
    folder, qgraph = design
    inputs = random_inputs(qgraph, 5, seed=2)
    golden = run(qgraph, inputs)

    traced = simulate_hls(folder, qgraph, inputs, trace=True)

    assert list(traced) == [node.name for node in qgraph.nodes]
    for name, codes in traced.items():
        assert (codes == golden[name]).all(), name


@pytest.mark.parametrize("design", ["dataflow"], indirect=True)
def test_a_mismatch_names_the_first_diverging_layer(design, tmp_path):
    folder, qgraph = design
    inputs = random_inputs(qgraph, 8, seed=2)
    golden = run(qgraph, inputs)
    # A middle layer that is clamped too early: wrong only where its codes are large.
    high = qgraph.node("c2").out.type.high
    early = high // 4
    edit(folder / "engines.hpp", rf"(struct c2_engine.*?), {high}}}", rf"\1, {early}}}")
    clamped = (golden["c2"] > early).reshape(8, -1).any(axis=1)
    assert clamped.any()

    with pytest.raises(VerificationError) as caught:
        check_hls(folder, qgraph, inputs, work=tmp_path / "csim")

    message = caught.value.diagnostics[0].message
    assert caught.value.code == "HG721"
    assert caught.value.exit_code == 1
    found = re.fullmatch(
        r"the HLS C\+\+ differs from the golden model: first in layer c2 \(conv2d\), "
        r"sample (\d+), element (\d+) at index \[(\d+), (\d+), (\d+)\]: "
        r"expected (-?\d+), got (-?\d+)",
        message,
    )
    assert found, message
    sample, element, c, y, x, expected, got = map(int, found.groups())
    assert clamped[sample]
    assert got == early
    assert golden["c2"][sample, c, y, x] == expected > early
    channels, _, width = qgraph.tensor("c2").shape
    assert element == (y * width + x) * channels + c
    assert (tmp_path / "csim" / "fc.golden.bin").is_file()


@pytest.mark.parametrize("design", ["dataflow"], indirect=True)
def test_a_buffer_that_is_too_small_is_reported(design):
    folder, qgraph = design
    edit(folder / "engines.hpp", r"(struct c2_engine.*?DEPTH = )\d+", r"\g<1>16")

    with pytest.raises(VerificationError, match="window buffer of the plan is too small") as caught:
        simulate_hls(folder, qgraph, random_inputs(qgraph, 2, seed=2))

    assert caught.value.code == "HG722"


@pytest.mark.parametrize("design", ["dataflow"], indirect=True)
def test_elements_that_nobody_reads_are_reported(design):
    folder, qgraph = design
    edit(folder / "top.cpp", r"hwgen::send<(\d+), 10>", r"hwgen::send<\1, 9>")

    with pytest.raises(VerificationError, match=r"fc_\w+: not empty in the end"):
        simulate_hls(folder, qgraph, random_inputs(qgraph, 2, seed=2))


@pytest.mark.parametrize("design", ["sequential"], indirect=True)
def test_a_compiler_error_shows_the_compiler_s_words(design):
    folder, qgraph = design
    edit(folder / "top.cpp", r"memory\[", "memorry[")

    with pytest.raises(ToolError, match="memorry") as caught:
        simulate_hls(folder, qgraph, random_inputs(qgraph, 2, seed=2))

    assert caught.value.exit_code == 3


@pytest.mark.parametrize("design", ["sequential"], indirect=True)
def test_the_same_sources_are_compiled_once(design, monkeypatch):
    folder, qgraph = design
    inputs = random_inputs(qgraph, 2, seed=2)
    started = []

    def watched(argv, **options):
        started.append(str(argv[0]).rpartition("/")[2])
        return real(argv, **options)

    real = hls.run
    monkeypatch.setattr(hls, "run", watched)

    simulate_hls(folder, qgraph, inputs)
    simulate_hls(folder, qgraph, inputs)
    edit(folder / "engines.hpp", "BUFFER_SIZE = ", "BUFFER_SIZE = 1 + ")
    simulate_hls(folder, qgraph, inputs)

    assert started == ["g++", "csim", "csim", "g++", "csim"]


@pytest.mark.parametrize("design", ["sequential"], indirect=True)
def test_the_work_folder_keeps_the_vectors(design, tmp_path):
    folder, qgraph = design
    inputs = random_inputs(qgraph, 4, seed=2)
    work = tmp_path / "csim"

    got = check_hls(folder, qgraph, inputs, work=work)

    names = {path.name for path in work.iterdir()}
    assert {"image.bin", "fc.out.bin", "fc.golden.bin", "am.out.bin"} <= names
    assert got["fc"].shape == (4, 10)
    assert not any("hwgen" in name for name in names)
