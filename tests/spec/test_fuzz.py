"""Whatever a file holds, the reader gives a Spec or a SpecError with places, nothing else."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwgen.errors import SpecError
from hwgen.graph import check_model
from hwgen.spec.starters import starter_names, starter_text
from support.spec_texts import GOOD

TEXTS = [GOOD, *map(starter_text, starter_names())]
TOKENS = st.sampled_from(
    ["{", "}", "[", "]", ": ", ", ", "- ", "\n", "  ", "\t", "&a ", "*a", "!!int ", "|", ">", "'",
     '"', "#", "---", "...", "%YAML 9.9\n", "? ", "<<: ", "0", "-1", "1.5", "1e400", ".nan", "~",
     "true", '"\\e[2J"', "no", "010", "int4", "relu", "conv1", "image", "fc", "in", "op", "name",
     "kernel", "[[1, 2], [3, 4]]", "[1]", "{a: 1}",
     "\x00", "\u2028", "\U0001f600", "é", "9" * 30]
)  # fmt: skip
SETTINGS = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def mutated(draw):
    """A good spec with a few pieces inserted, cut out, doubled, or swapped for others."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(TOKENS, st.just(text[start:end] * 2), st.text(max_size=4)))
        text = text[:start] + piece + text[end:]
    return text


@st.composite
def other_values(draw):
    """A good spec with one value or key replaced by a token: it stays YAML more often."""
    text = draw(st.sampled_from(TEXTS))
    words = sorted({word for word in text.replace(",", " ").split() if word.isalnum()})
    return text.replace(draw(st.sampled_from(words)), draw(TOKENS), draw(st.integers(1, 3)))


def survives(path):
    try:
        spec, graph = check_model(path)
    except SpecError as error:
        assert error.diagnostics
        for item in error.diagnostics:
            assert item.code[:3] in ("HG1", "HG2")
            assert item.message
            assert item.message.isprintable()
            assert item.hint.isprintable()
            assert len(str(item)) < 3000
            assert item.where is not None
            assert item.where.file == str(path)
        marks = [item.where for item in error.diagnostics]
        assert marks == sorted(marks)
    else:
        written = {node.blocks[-1] if node.blocks else node.name for node in graph.nodes}
        assert written <= {layer.name for layer in spec.layers}
        assert all(np.isfinite(array).all() for array in graph.weights.values())


@SETTINGS
@given(text=mutated())
def test_mutated_text(tmp_path, text):
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")

    survives(path)


@SETTINGS
@given(text=other_values())
def test_other_values(tmp_path, text):
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")

    survives(path)


@SETTINGS
@given(data=st.binary(max_size=200))
def test_any_bytes(tmp_path, data):
    path = tmp_path / "spec.yaml"
    path.write_bytes(data)

    survives(path)
