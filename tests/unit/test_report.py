"""What is said while work runs: lines, GitHub's groups, a live terminal; and nothing in a title can break any of them."""

import io
import sys
import threading

import pytest
from rich.console import Console

from jitbuild import report
from jitbuild.report import GitHub, Plain, Silent, Terminal, choose, seconds, size

NASTY = ["[x]", "[/x]", "[red]", r"\[x]", "100 %", "a: b", "{title}", "{0}", ":warning:", "naïve 日本"]


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(report.time, "monotonic", iter(range(0, 10**6, 2)).__next__)


def terminal(width=100, **options):
    return Terminal(Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False, **options))


def text(one):
    return one._console.file.getvalue()


def work(one, title="Building", detail="cc -c a.c"):
    with one.stage(title) as stage:
        stage.advance(1, None)
        stage.advance(2, 4)
        stage.detail(detail)
    one.note(f"noted {title}")
    one.warn(f"warned {title}")


def test_silence_is_silent(capsys):
    work(Silent())
    assert capsys.readouterr() == ("", "")


def test_plain_lines(stream):
    work(Plain(stream))
    assert stream.getvalue() == "Building ...\nBuilding: 2.0 s\nnoted Building\nwarning: warned Building\n"


def test_plain_and_quiet_says_warnings_alone(stream):
    work(Plain(stream, quiet=True))
    assert stream.getvalue() == "warning: warned Building\n"


def test_plain_goes_to_stderr(capsys):
    work(Plain())
    out, err = capsys.readouterr()
    assert out == ""
    assert "Building ..." in err


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_stage_that_fails_says_so_and_lets_the_error_pass(stream, error):
    with pytest.raises(error), Plain(stream).stage("Building"):
        raise error
    assert stream.getvalue().endswith("Building: failed after 2.0 s\n")


def test_github_groups(stream):
    work(GitHub(stream))
    assert stream.getvalue().splitlines() == [
        "::group::Building",
        "Building ...",
        "Building: 2.0 s",
        "::endgroup::",
        "noted Building",
        "::warning::warned Building",
    ]


def test_a_github_group_ends_when_its_stage_fails(stream):
    with pytest.raises(ValueError, match="x"), GitHub(stream).stage("Building"):
        raise ValueError("x")
    assert stream.getvalue().splitlines()[-2:] == ["Building: failed after 2.0 s", "::endgroup::"]


def test_what_github_would_take_for_the_end_of_a_command_is_escaped(stream):
    GitHub(stream).warn("50 %\r\nnext")
    with GitHub(stream).stage("50 %\nnext"):
        pass
    lines = stream.getvalue().splitlines()
    assert lines[0] == "::warning::50 %25%0D%0Anext"
    assert lines[1] == "::group::50 %25%0Anext"


def test_a_terminal_shows_a_live_line_and_leaves_one():
    one = terminal()
    work(one)
    assert "done" in text(one)
    assert "Building" in text(one)
    assert "noted Building" in text(one)
    assert "warning:" in text(one)


def test_a_terminal_says_what_failed():
    one = terminal()
    with pytest.raises(KeyboardInterrupt), one.stage("Building"):
        raise KeyboardInterrupt
    assert "failed" in text(one)
    assert "done" not in text(one)


@pytest.mark.parametrize("title", NASTY)
def test_what_looks_like_markup_is_shown_as_it_is(title):
    one = terminal(color_system=None)
    work(one, title, detail=title)
    assert f"done   {title} " in text(one)
    assert f"noted {title}" in text(one)
    assert f"warned {title}" in text(one)


@pytest.mark.parametrize("detail", NASTY)
def test_what_a_build_prints_cannot_break_the_live_line(detail):
    one = terminal(color_system=None)
    with one.stage("Building") as stage:
        stage.detail(detail)
        one._progress.refresh()
    assert detail in text(one)


def test_a_path_is_not_folded():
    one, path = terminal(width=40), "/somewhere/" + "long/" * 20
    one.note(path)
    one.warn(path)
    assert text(one).count(path) == 2


def test_a_long_detail_stays_on_its_line():
    one = terminal(width=60)
    with one.stage("Building") as stage:
        stage.detail("x" * 500)
        one._progress.refresh()
    assert "…" in text(one)
    assert "x" * 61 not in text(one)


def test_stages_inside_each_other_share_the_display():
    one = terminal(color_system=None)
    with one.stage("outer"), one.stage("inner"):
        pass
    assert text(one).index("done   inner") < text(one).index("done   outer")
    assert one._progress is None
    work(one, "later")
    assert "done   later" in text(one)


def test_stages_of_several_threads_share_the_display():
    one, both = terminal(color_system=None), threading.Barrier(2)

    def stage(title):
        with one.stage(title):
            both.wait(timeout=10)

    threads = [threading.Thread(target=stage, args=(f"thread {number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "done   thread 0" in text(one)
    assert "done   thread 1" in text(one)


def test_no_color_is_heeded(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    one = terminal()
    work(one)
    assert "\x1b[31m" not in text(one)
    assert "\x1b[32m" not in text(one)
    assert "\x1b[33m" not in text(one)


class Tty(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("tty", "options", "environ", "kind"),
    [
        (True, {}, {"TERM": "xterm"}, Terminal),
        (True, {}, {"TERM": "dumb"}, Plain),
        (True, {"verbose": True}, {"TERM": "xterm"}, Plain),
        (False, {}, {"TERM": "xterm"}, Plain),
        (False, {}, {"GITHUB_ACTIONS": "true"}, GitHub),
        (True, {}, {"GITHUB_ACTIONS": "true"}, GitHub),
        (False, {}, {"GITHUB_ACTIONS": ""}, Plain),
        (False, {"quiet": True}, {"GITHUB_ACTIONS": "true"}, Plain),
        (True, {"quiet": True}, {"TERM": "xterm"}, Plain),
    ],
)
def test_the_reporter_fits_where_it_runs(monkeypatch, tty, options, environ, kind):
    monkeypatch.setattr(sys, "stderr", Tty() if tty else io.StringIO())
    assert type(choose(**{"quiet": False, "verbose": False, **options}, environ=environ)) is kind


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3600, "60 min 00 s"),
    ],
)
def test_seconds(value, expected):
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (23_200_000, "23.2 MB"),
        (1_500_000_000, "1.5 GB"),
        (5_000_000_000_000_000, "5000.0 TB"),
    ],
)
def test_size(count, expected):
    assert size(count) == expected
