"""The page: well formed, self-contained, and its figures are those of the plan."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

import hwgen
from hwgen.flow.front import Front
from hwgen.ops.events import Events
from hwgen.plan.model import Span
from hwgen.report import Area, Measured, ReportData, render
from hwgen.report.graph_picture import draw_graph
from hwgen.report.timeline import draw_timeline
from hwgen.spec import load_spec
from support.spec_texts import changed

BRANCHES = """\
hwgen: 1
name: branches
model:
  inputs:
    image: {shape: [2, 6, 6]}
    other: {shape: [4, 6, 6]}
  layers:
    - {name: left, op: conv2d, in: image, channels: 4, kernel: 3, padding: same}
    - {name: right, op: conv2d, in: image, channels: 4, kernel: 1}
    - {name: deep, op: conv2d, in: right, channels: 4, kernel: 3, padding: same}
    - {name: sum, op: add, in: [left, deep, other]}
  outputs: [sum]
weights: {random: 3}
accelerator: {schedule: dataflow, budget: {multipliers: 12}, clock_mhz: 40}
"""


def load(text, folder):
    (folder / "x.yaml").write_text(text)
    return Front(load_spec(folder / "x.yaml"))


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    text = changed("schedule: sequential", "schedule: dataflow")
    return load(text, tmp_path_factory.mktemp("report"))


@pytest.fixture
def data(front):
    return ReportData(
        name="tiny",
        identity="ab" * 32,
        version="1.2.3",
        qgraph=front.qgraph,
        plan=front.plan,
        clock_mhz=50.0,
        sqnr={"conv1": 20.5, "pool1": float("inf")},
        sqnr_source="7 samples of t.npz",
        events={"conv1": Events(1234, 0, 0), "fc": Events(0, 5, 6)},
        accuracy=(599, 0.9833, 0.9733),
        sim=None,
        csim=None,
        area=None,
        tools={"numpy": "2.0"},
    )


def measured(plan, **change):
    cycles = plan.prediction
    spans = tuple(Span(span.task, span.start + 5, span.end) for span in cycles.spans)
    found = Measured(True, 16, cycles.latency, cycles.interval, spans, {}, 0.97, 3)
    return replace(found, **change)


class Page(HTMLParser):
    """Checks that tags nest, and collects text and attributes."""

    VOID = ("meta", "line", "rect", "path", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.links = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID or (tag == "rect" and not self.get_starttag_text().endswith("/>")):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_startendtag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_the_page_needs_nothing_from_outside(data):
    text = render(data)
    page = Page(text)
    assert page.links == []
    assert not re.search(r"https?:|@import|url\(|<script|<link", text)


def test_equal_data_gives_an_equal_page(data):
    assert render(data) == render(replace(data))


def test_what_was_not_run_is_said(data):
    text = Page(render(data)).text
    assert "RTL not simulated: hwgen sim" in text
    assert "HLS C++ not run: hwgen csim" in text
    assert "no bitstream: hwgen bitstream" in text
    assert "predicted; not simulated yet" in text


def test_the_figures_are_the_plans(data):
    text = Page(render(data)).text
    plan = data.plan
    assert f"Latency {plan.prediction.latency:,} cycles" in text
    assert f"{plan.utilisation:.1%}" in text
    assert "Accuracy 97.33% float 98.33%, 599 samples" in text
    assert "20.5 dB" in text
    assert "exact" in text
    for engine in plan.engines:
        assert engine.name in text


def test_a_simulation_is_compared_with_the_prediction(data):
    text = Page(render(replace(data, sim=measured(data.plan)))).text
    assert "✓ RTL equals golden, 16 tensors" in text
    assert f"equals the simulated {data.plan.prediction.latency:,}" in text
    late = measured(data.plan, latency=data.plan.prediction.latency + 1)
    assert "differs from the simulated" in Page(render(replace(data, sim=late))).text


def test_a_failed_simulation_is_not_hidden(data):
    failed = Measured(False, 16, None, None, (), {}, None, 3)
    text = Page(render(replace(data, sim=failed, csim=(False, 4)))).text
    assert "✗ RTL differs from golden, 16 tensors" in text
    assert "✗ HLS C++ differs from golden, 4 tensors" in text


def test_area_and_counters(data):
    area = Area("ulx3s_85f", "routed", {"lut4": 900}, {"lut4": 83640}, 96.24, 50.0)
    counters = {"CYCLES": 1000, "ACTIVE_0": 750, "WAIT_0": 100}
    sim = measured(data.plan, counters=counters)
    text = Page(render(replace(data, area=area, sim=sim))).text
    assert "f_max 96.2 MHz wanted 50 MHz" in text
    assert "lut4 900 of 83,640" in text
    assert "75% of 1,000 cycles, 10% waiting for room" in text


def test_text_of_a_user_is_escaped(data):
    text = render(replace(data, sqnr_source="7 samples of <b>.npz"))
    assert "&lt;b&gt;.npz" in text
    assert "<b>.npz" not in text


def test_boxes_do_not_overlap_and_edges_run_forward(tmp_path):
    qgraph = load(BRANCHES, tmp_path).qgraph
    picture = draw_graph(qgraph)
    assert len(picture.boxes) == len(qgraph.inputs) + len(qgraph.nodes)
    for number, box in enumerate(picture.boxes):
        assert 0 <= box.x <= picture.width - picture.box_width
        assert 0 <= box.y <= picture.height - picture.box_height
        for other in picture.boxes[:number]:
            apart_x = abs(box.x - other.x) >= picture.box_width
            apart_y = abs(box.y - other.y) >= picture.box_height
            assert apart_x or apart_y
    assert len(picture.edges) == sum(len(node.inputs) for node in qgraph.nodes)
    for edge in picture.edges:
        numbers = [int(number) for number in re.findall(r"-?\d+", edge.path)]
        assert numbers[0] < numbers[-2]


def test_the_timeline_is_to_scale():
    spans = (Span("a", 0, 100), Span("b", 50, 400))
    chart = draw_timeline(spans, (Span("b", 60, 390),))
    first, second = chart.rows
    assert first.simulated is None
    per_cycle = first.predicted.width / 100
    assert second.predicted.width == pytest.approx(350 * per_cycle, abs=0.2)
    assert second.simulated.x - first.predicted.x == pytest.approx(60 * per_cycle, abs=0.2)
    assert [tick.text for tick in chart.ticks] == [f"{c}" for c in range(0, 401, 50)]
    assert chart.ticks[-1].x <= chart.width


@pytest.mark.parametrize("end", [1, 2, 9, 10, 11, 99, 1000, 12345, 10**7])
def test_a_timeline_has_a_few_round_ticks(end):
    chart = draw_timeline((Span("a", 0, end),), ())
    assert 2 <= len(chart.ticks) <= 11
    step = int(chart.ticks[1].text.replace(",", ""))
    assert str(step).rstrip("0") in ("1", "2", "5")


def test_a_build_without_labels_has_a_page(tmp_path):
    (tmp_path / "b.yaml").write_text(BRANCHES)
    built = hwgen.build(tmp_path / "b.yaml", tmp_path / "build")
    text = Page(built.files["report"].read_text()).text
    assert "Accuracy" not in text
    assert "samples of random" in text


def test_layers_that_are_operand_stationary_are_told_from_others(data):
    tasks = tuple(replace(task, stays=task.name == "fc") for task in data.plan.tasks)
    text = render(replace(data, plan=replace(data.plan, tasks=tasks)))
    assert text.count("fc, operand stationary</td>") == text.count("operand stationary") == 1


def test_what_the_golden_model_counted_is_shown(data):
    text = render(data)
    assert "1,234 saturated</td>" in text
    assert "5 clamped logits, 6 masked rows</td>" in text
