"""The command line: arguments, help, errors and exit codes; what verbs do is tested elsewhere."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module, metadata
from pathlib import Path

import numpy as np
import pytest

import hwgen
from hwgen.cli import app, main
from hwgen.errors import Diagnostic, LimitError, Mark, SpecError, ToolError, VerificationError
from hwgen.ops.registry import block_names
from support.spec_texts import GOOD, changed

VERBS = ["init", "check", "build", "sim", "csim", "bitstream", "flash", "run", "report"]
VERBS += ["boards", "ops", "schema", "doctor"]
HWGEN = [sys.executable, "-P", "-m", "hwgen"]


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("tiny.yaml")
    path.write_text(GOOD)
    return path


def test_help_lists_every_verb(capsys):
    assert main(["--help"]) == 0
    listed = re.findall(r"^  (\w+)  ", capsys.readouterr().out, re.MULTILINE)
    assert listed == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_shows_an_example(verb, capsys):
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Usage: hwgen {verb}" in text
    assert re.search(rf"Example:\n +hwgen {verb}", text)
    assert "--json" in text


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_a_function_of_the_package(verb):
    import_module("hwgen.report")  # importing packages of these names must not hide the verbs
    import_module("hwgen.ops")
    assert callable(getattr(hwgen, verb))


def test_ops_and_report_are_verbs_and_packages():
    names = [op.name for op in hwgen.ops().ops]
    assert names == sorted(names)
    assert {*hwgen.ops.op_names(), *block_names()} == set(names)
    assert callable(hwgen.report.render)


def test_no_arguments_print_the_help(capsys):
    assert main([]) == 0
    assert "Usage: hwgen" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hwgen {metadata.version('hwgen')}\n"
    assert hwgen.__version__ == metadata.version("hwgen")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bild"], "No verb 'bild'; did you mean 'build'?"),
        (["build"], "Missing argument 'SPEC'."),
        (["build", "--frob", "x"], "No such option '--frob'."),
        (["sim", "x.yaml", "--vectors", "0"], "Invalid value for '--vectors': 0 is not in"),
        (["sim", "x.yaml", "--runner", "magic"], "Invalid value for '--runner': 'magic' is not"),
        (["run", "x.yaml"], "Missing option '--port'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_exit_code_2(words, message, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"hwgen: HG920: {message}")
    assert "--help" in captured.err

    assert main([*words, "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["code"] == "HG920"
    assert found["diagnostics"][0]["message"].startswith(message)


def raising(monkeypatch, error):
    def check(*_, **__):
        raise error

    monkeypatch.setattr("hwgen.flow.builder.check", check)


@pytest.mark.parametrize(
    ("kind", "code"), [(VerificationError, 1), (SpecError, 2), (ToolError, 3), (LimitError, 4)]
)
def test_an_error_has_its_exit_code_and_no_traceback(kind, code, monkeypatch, capsys):
    where = Mark("a.yaml", 3, 7)
    raising(monkeypatch, kind("HG700", "it is 3, not 4", where=where, hint="make it 4"))

    assert main(["check", "a.yaml"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "a.yaml:3:7: HG700: it is 3, not 4\n  hint: make it 4\n"

    assert main(["check", "a.yaml", "--json"]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == {
        "ok": False,
        "code": "HG700",
        "diagnostics": [
            {
                "code": "HG700",
                "message": "it is 3, not 4",
                "hint": "make it 4",
                "where": {"file": "a.yaml", "line": 3, "column": 7},
            }
        ],
    }


def test_all_mistakes_are_printed(monkeypatch, capsys):
    marks = [Mark("a.yaml", line, 1) for line in (9, 2)]
    raising(monkeypatch, SpecError.of([Diagnostic("HG101", "bad", mark) for mark in marks]))
    assert main(["check", "a.yaml"]) == 2
    assert capsys.readouterr().err == (
        "a.yaml:2:1: HG101: bad\na.yaml:9:1: HG101: bad\n2 mistakes\n"
    )


def test_a_bug_is_one_line_without_a_traceback(monkeypatch, capsys):
    monkeypatch.delenv("HWGEN_DEBUG", raising=False)
    raising(monkeypatch, ZeroDivisionError("division by zero\nsecond line"))
    assert main(["check", "a.yaml"]) == 1
    text = capsys.readouterr().err
    assert "HG999: this is a bug in hwgen: ZeroDivisionError: division by zero\n" in text
    assert "Traceback" not in text
    assert "HWGEN_DEBUG=1" in text


def test_a_bug_has_a_traceback_for_developers(monkeypatch, capsys):
    monkeypatch.setenv("HWGEN_DEBUG", "1")
    raising(monkeypatch, ZeroDivisionError("x"))
    assert main(["check", "a.yaml"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_verb_with_one_line(number, code, monkeypatch, capsys):
    def check(*_, **__):
        signal.raise_signal(number)
        time.sleep(30)

    monkeypatch.setattr("hwgen.flow.builder.check", check)
    before = signal.getsignal(number)
    assert main(["check", "a.yaml"]) == code
    assert signal.getsignal(number) == before
    assert re.fullmatch(
        r"\n?hwgen: (interrupted|terminated); the previous build is untouched\n",
        capsys.readouterr().err,
    )


def test_a_signal_gives_one_json_object_too(monkeypatch, capsys):
    def check(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("hwgen.flow.builder.check", check)
    assert main(["check", "a.yaml", "--json"]) == 130
    output = capsys.readouterr()
    found = json.loads(output.out)
    assert (found["ok"], found["code"], output.err.strip()) == (False, "HG925", "")
    assert "interrupted" in found["diagnostics"][0]["message"]


def test_check_says_what_the_plan_is(spec, capsys):
    assert main(["check", str(spec)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("tiny: no mistakes (3 layers, 410 weights)\nsequential: 4 multipliers")
    assert sorted(path.name for path in Path().iterdir()) == ["tiny.yaml"]


def test_check_as_json(spec, capsys):
    assert main(["check", str(spec), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert (found["name"], found["layers"], found["weights"]) == ("tiny", 3, 410)
    assert found["plan"]["schedule"] == "sequential"
    assert 1 <= found["plan"]["multipliers"] <= 4


def test_an_unknown_board_is_a_mistake_like_any_other(spec, capsys):
    spec.write_text(changed("hwgen: 1", "hwgen: 1\nboard: ulx3s_85g"))
    assert main(["check", str(spec)]) == 2
    text = capsys.readouterr().err
    assert text.startswith("tiny.yaml:2:8: HG820: no board 'ulx3s_85g'")
    assert "did you mean 'ulx3s_85f'?" in text


@pytest.mark.parametrize("verb", ["check", "build"])
def test_mistakes_in_data_budget_and_board_are_found_in_one_run(verb, spec, capsys):
    spec.write_text(
        changed("seed: 1}", "seed: 1, labels: l.npz}")
        .replace("hwgen: 1", "hwgen: 1\nboard: ulx3s_85g")
        .replace("quantize:", "quantize:\n  calibrate: {file: c.npz}")
        .replace("multipliers: 4", "multipliers: 1")
        .replace("schedule: sequential", "schedule: dataflow")
    )
    np.savez("c.npz", image=np.full((3, 1, 8, 8), np.nan))
    np.savez("l.npz", image=np.zeros((3, 1, 8, 8)), labels=np.zeros((3, 10), np.int64))
    assert main([verb, str(spec), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert sorted(item["code"] for item in found) == ["HG303", "HG304", "HG401", "HG820"]
    assert all(item["where"]["line"] for item in found)


def test_a_wrong_spec_writes_nothing(spec, capsys):
    spec.write_text(changed("features: 10", "features: -1"))
    for verb in ("check", "build", "sim", "csim", "bitstream", "report"):
        assert main([verb, str(spec)]) == 2
        assert "tiny.yaml:9:51: HG113" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


def test_check_reads_the_labelled_data(spec, capsys):
    spec.write_text(changed("seed: 1}", "seed: 1, labels: l.npz}"))
    np.savez("l.npz", image=np.zeros((3, 1, 8, 8)), labels=np.zeros(3, int))
    for verb in ("check", "build"):
        assert main([verb, str(spec)]) == 2
        assert re.match(
            r"tiny\.yaml:19:\d+: HG921: 4 vectors, but l\.npz holds 3 samples\n  hint: 1 to 3\n",
            capsys.readouterr().err,
        )
    np.savez("l.npz", image=np.zeros((3, 1, 8, 9)), labels=np.zeros(3, int))
    assert main(["check", str(spec)]) == 2
    assert re.match(r"tiny\.yaml:19:\d+: HG303: .*\(3, 1, 8, 9\)", capsys.readouterr().err)
    assert sorted(path.name for path in Path().iterdir()) == ["l.npz", "tiny.yaml"]


def test_no_heavy_import_for_help_and_check(spec):
    code = (
        "import sys; from hwgen.cli import main; main(['check', 'tiny.yaml']); main(['--help']);"
        "print(sorted({'amaranth', 'pyosys', 'cocotb', 'rich', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[-1] == "[]"


def test_a_closed_pipe_is_no_error(tmp_path):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*HWGEN, "ops"], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_every_verb_has_a_module():
    assert list(app._VERBS) == VERBS
    for verb in VERBS:
        assert import_module(f"hwgen.cli.{verb}").command.name == verb
