"""Nothing foreign reaches a terminal or a CI log as it is."""

import io
import json
import sys
from xml.etree import ElementTree as ET

import pytest
from bench_samples import report_of
from cli_fixtures import put
from test_safe_text import CONTROLS

from jitbuild.bench.render import table
from jitbuild.bench.render.charts import standalone
from jitbuild.bench.render.html import html
from jitbuild.cli.main import main
from jitbuild.cli.output import print_json
from jitbuild.system.reporters import GitHubReporter, PlainReporter
from jitbuild.system.safe_stream import SafeStream, raw, safe_output
from jitbuild.system.table import format_table
from jitbuild.system.terminal_reporter import TerminalReporter

HOSTILE = "".join(control for control in CONTROLS if control != "\x00") + "\x1b[31m\x1b]0;x\x07"
COMMAND = "a\n::error::pwned\n  ::add-mask::x ##[add-mask]x"


def is_safe(text: str) -> bool:
    shown = text.replace("\n", "").replace("\t", "")
    commands = [line for line in text.split("\n") if line.strip().startswith("::")]
    return shown.isprintable() and not commands and "##[" not in shown


@pytest.mark.parametrize("words", [["which", "{}"], ["{}"], ["list", "{}"], ["which", "--jit={}"]])
@pytest.mark.parametrize("text", [HOSTILE, f"./{COMMAND}", f"git+https://h/{HOSTILE}@x"])
@pytest.mark.parametrize("option", [[], ["--json"], ["-v"]])
def test_a_command_line_is_quoted_safely(run, words, text, option):
    code, out, err = run(*[word.format(text) for word in words], *option)
    assert code not in {0, 70}
    assert is_safe(out + err), (out, err)


def test_a_name_in_a_settings_file_is_quoted_safely(run, tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.jitbuild]\n{json.dumps(HOSTILE.replace(chr(127), ''))} = 1\n", encoding="utf-8"
    )
    code, out, err = run("config")
    assert code == 6
    assert is_safe(out + err), (out, err)


def test_the_manifest_of_an_interpreter_is_shown_safely(run, store):
    interpreter = put(store, "cpython-3.15.2-jit-fast-11111111")
    file = interpreter.path / "jitbuild.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"release"', '"release\\u001b[31m\\u009b"'), encoding="utf-8")
    for option in ([], ["--json"]):
        _, out, err = run("list", *option)
        assert "release" in out
        assert is_safe(out + err), (out, err)


def test_cells_are_one_line():
    assert format_table([["a\nb\x1b", "c"]]) == r"a\nb\x1b  c"


def test_streams_are_replaced_only_while_a_command_runs(capsys):
    before = sys.stdout, sys.stderr
    with safe_output():
        assert isinstance(sys.stdout, SafeStream)
        assert raw(sys.stdout) is before[0]
        with safe_output():
            assert raw(sys.stdout) is before[0]
        sys.stdout.writelines(["a\x1b", "b\n"])
        raw(sys.stdout).write("\x1b[1m")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "a\\x1bb\n\x1b[1m"
    assert raw(sys.stdout) is sys.stdout


@pytest.mark.parametrize(
    "words", [["list"], ["cache"], ["config"], ["plan", "3.15"], ["which", "x"]]
)
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_what_a_command_writes_to_a_closed_stream_is_discarded(
    capsys, monkeypatch, home, words, closed
):
    code = main(words)
    expected = capsys.readouterr()
    monkeypatch.setattr(sys, closed, None)
    assert main(words) == code
    assert getattr(sys, closed) is None
    printed = capsys.readouterr()
    open_stream = "err" if closed == "stdout" else "out"
    assert getattr(printed, open_stream) == getattr(expected, open_stream)


def reporters(stream):
    from rich.console import Console

    yield PlainReporter(stream)
    yield GitHubReporter(stream)
    yield TerminalReporter(Console(file=stream, force_terminal=False, width=300))


@pytest.mark.parametrize("text", [HOSTILE, COMMAND, "https://bob:hunter2@h/?x=hunter2"])
def test_reporters_print_foreign_text_safely(text):
    stream = io.StringIO()
    for reporter in reporters(stream):
        with reporter.stage(text) as stage:
            stage.detail(text)
            stage.advance(1, 2)
            reporter.note(text)
            reporter.warn(text)
    lines = [
        line
        for line in stream.getvalue().splitlines()
        if not line.startswith(("::group::", "::endgroup::", "::warning::"))
    ]
    assert is_safe("\n".join(lines))
    assert "pwned" not in "".join(
        line for line in stream.getvalue().splitlines() if line.startswith("::error")
    )
    assert not set(CONTROLS) & set(stream.getvalue())
    assert "hunter2" not in stream.getvalue()


def test_github_commands_of_the_reporter_itself_work(capsys, monkeypatch):
    with safe_output():
        reporter = GitHubReporter()
        with reporter.stage("build"):
            reporter.warn("100%")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "::group::build"
    assert "::warning::100%25" in lines
    assert lines[-1] == "::endgroup::"


def test_json_is_escaped_as_json(capsys):
    print_json({"name": HOSTILE, "url": "https://bob:hunter2@h/?q=1"})
    text = capsys.readouterr().out
    assert is_safe(text)
    assert json.loads(text) == {"name": HOSTILE, "url": "https://***@h/?q=1"}


def test_reports_of_bench_show_foreign_names_safely():
    from rich.console import Console

    name = f"<script>{HOSTILE}\n::error::x https://bob:hunter2@h/"
    report = report_of({name: 1.5, "b": 0.9}, base=name, other=f"other {name}", notes=(name,))
    stream = io.StringIO()
    table.show(report, Console(file=stream, width=300))
    for text in (html(report), standalone(report), stream.getvalue()):
        assert not set(CONTROLS) & set(text)
        assert "hunter2" not in text
    assert is_safe(stream.getvalue())
    assert "<script>" not in html(report) + standalone(report)
    ET.fromstring(standalone(report))
