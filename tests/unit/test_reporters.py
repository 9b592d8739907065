"""What is said while work runs: lines, GitHub's groups, a live terminal; and nothing in a title can break any of them."""

import io
import sys
import threading

import pytest
from rich.console import Console

from jitbuild.system import terminal_reporter
from jitbuild.system.formatting import format_duration, format_size
from jitbuild.system.progress import CancellableReporter, LabelledReporter, SilentReporter
from jitbuild.system.reporters import GitHubReporter, PlainReporter, choose_reporter
from jitbuild.system.terminal_reporter import TerminalReporter

NASTY = [
    "[x]",
    "[/x]",
    "[red]",
    r"\[x]",
    "100 %",
    "a: b",
    "{title}",
    "{0}",
    ":warning:",
    "naïve 日本",
]


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(terminal_reporter.time, "monotonic", iter(range(0, 10**6, 2)).__next__)


def terminal(width=100, **options):
    return TerminalReporter(
        Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False, **options)
    )


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
    work(SilentReporter())
    assert capsys.readouterr() == ("", "")


def test_plain_lines(stream):
    work(PlainReporter(stream))
    assert (
        stream.getvalue()
        == "Building ...\nBuilding: 2.0 s\nnoted Building\nwarning: warned Building\n"
    )


def test_plain_and_quiet_says_warnings_alone(stream):
    work(PlainReporter(stream, quiet=True))
    assert stream.getvalue() == "warning: warned Building\n"


def test_plain_goes_to_stderr(capsys):
    work(PlainReporter())
    out, err = capsys.readouterr()
    assert out == ""
    assert "Building ..." in err


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_stage_that_fails_says_so_and_lets_the_error_pass(stream, error):
    with pytest.raises(error), PlainReporter(stream).stage("Building"):
        raise error
    assert stream.getvalue().endswith("Building: failed after 2.0 s\n")


def test_github_groups(stream):
    work(GitHubReporter(stream))
    assert stream.getvalue().splitlines() == [
        "::group::Building",
        "Building ...",
        "Building: 2.0 s",
        "::endgroup::",
        "noted Building",
        "::warning::warned Building",
    ]


def test_a_github_group_ends_when_its_stage_fails(stream):
    with pytest.raises(ValueError, match="x"), GitHubReporter(stream).stage("Building"):
        raise ValueError("x")
    assert stream.getvalue().splitlines()[-2:] == ["Building: failed after 2.0 s", "::endgroup::"]


def test_what_github_would_take_for_the_end_of_a_command_is_escaped(stream):
    GitHubReporter(stream).warn("50 %\r\nnext")
    with GitHubReporter(stream).stage("50 %\nnext"):
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


def frame(one, width):
    """The live lines as they stand now."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(one._progress.get_renderable())
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_two_builds_at_once_can_be_told_apart_and_read(width):
    one = terminal(width)
    names = ["cpython-3.13.15-jit-yes-off-fast", "cpython-3.15.0b2-jit-no-release"]
    with (
        LabelledReporter(one, names[0]).stage("make") as make,
        LabelledReporter(one, names[1]).stage("configure") as configure,
        one.stage("Downloading Python-3.14.6.tar.xz") as download,
    ):
        make.detail("Modules/_decimal/libmpdec/numbertheory.c " + "x" * 200)
        configure.detail("checking for stdio.h")
        download.advance(1, 4)
        download.detail("connection reset; trying again in 3 s")
        lines = frame(one, width)
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    for line, begin, end, detail in zip(
        lines,
        ["cpython-3.13", "cpython-3.15", "Downloading"],
        [": make ", ": configure ", ".tar.xz "],
        ["Modules/_de", "checking", "━"],
        strict=True,
    ):
        assert begin in line
        assert end in line
        assert detail in line


def test_a_title_that_fits_is_not_shortened():
    one = terminal(80, color_system=None)
    with one.stage("t" * 40), one.stage("u" * 41):
        lines = frame(one, 80)
    assert "t" * 40 in lines[0]
    assert "…" not in lines[0]
    assert f"{'u' * 19}…{'u' * 20} " in lines[1]
    assert f"done   {'u' * 41} " in text(one)


def test_a_bar_leaves_room_for_the_detail_of_its_own_stage():
    one = terminal(100)
    with one.stage("Downloading") as stage:
        stage.advance(1, 4)
        stage.detail("connection reset; trying again in 3 s")
        assert "━ " in frame(one, 100)[0]
        assert "connection reset; trying again in 3 s" in frame(one, 100)[0]


def together(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Pieces(io.StringIO):
    """A stream in which a line that is written in several pieces can be seen."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, piece):
        self.pieces.append(piece)
        return super().write(piece)


@pytest.mark.parametrize("kind", [PlainReporter, GitHubReporter])
def test_lines_of_several_threads_come_whole(kind):
    stream = Pieces()
    one = kind(stream)
    together(*[lambda number=number: work(one, f"thread {number}") for number in range(8)])
    assert all(piece.endswith("\n") and piece.count("\n") == 1 for piece in stream.pieces)
    for number in range(8):
        assert f"thread {number} ...\n" in stream.pieces
        assert f"noted thread {number}\n" in stream.pieces


def in_turns(*threads):
    """Run the steps of several threads in a given order: each step is (thread, function)."""
    turns = [threading.Event() for _ in range(len(threads) + 1)]
    turns[0].set()

    def of(who):
        for number, (name, step) in enumerate(threads):
            if name == who:
                assert turns[number].wait(30)
                step()
                turns[number + 1].set()

    together(*[lambda who=who: of(who) for who in dict(threads)])


class Opened:
    """A stage that is entered and left by hand."""

    def __init__(self, one, title):
        self.stage = one.stage(title)

    def begin(self):
        self.stage.__enter__()

    def end(self):
        self.stage.__exit__(None, None, None)


def plain(stream):
    """The lines, less the time that each took."""
    return [
        line.rpartition(": ")[0] if line.endswith(" s") else line
        for line in stream.getvalue().splitlines()
    ]


def groups_are_well_formed(lines):
    depth = 0
    for line in lines:
        depth += line.startswith("::group::") - (line == "::endgroup::")
        assert depth in {0, 1}
    return depth == 0


def test_a_github_group_ends_when_another_thread_begins_a_stage(stream):
    one = GitHubReporter(stream)
    first, second, third = Opened(one, "one"), Opened(one, "two"), Opened(one, "three")
    in_turns(
        ("a", first.begin),
        ("b", second.begin),
        ("a", lambda: one.note("said by a")),
        ("a", first.end),
        ("b", second.end),
        ("b", third.begin),
        ("b", third.end),
    )
    assert plain(stream) == [
        "::group::one",
        "one ...",
        "::endgroup::",
        "two ...",
        "said by a",
        "one",
        "two",
        "::group::three",
        "three ...",
        "three",
        "::endgroup::",
    ]


def test_what_another_thread_says_is_not_folded_away(stream):
    one = GitHubReporter(stream)
    first = Opened(one, "one")
    in_turns(("a", first.begin), ("b", lambda: one.note("said by b")), ("a", first.end))
    assert plain(stream) == ["::group::one", "one ...", "::endgroup::", "said by b", "one"]


def test_a_stage_inside_another_is_in_its_github_group(stream):
    one = GitHubReporter(stream)
    with one.stage("outer"), one.stage("inner"):
        pass
    assert plain(stream) == [
        "::group::outer",
        "outer ...",
        "inner ...",
        "inner",
        "outer",
        "::endgroup::",
    ]


def test_github_groups_of_many_threads_are_well_formed(stream):
    one = GitHubReporter(stream)

    def several(number):
        for count in range(20):
            work(one, f"thread {number}, {count}")

    together(*[lambda number=number: several(number) for number in range(6)])
    lines = stream.getvalue().splitlines()
    assert groups_are_well_formed(lines)
    assert sum(line.endswith(" ...") for line in lines) == 120
    assert one._stages == 0


def test_a_label_stands_before_all_that_is_said(stream):
    work(LabelledReporter(PlainReporter(stream), "3.13.15"))
    assert stream.getvalue().splitlines() == [
        "3.13.15: Building ...",
        "3.13.15: Building: 2.0 s",
        "3.13.15: noted Building",
        "warning: 3.13.15: warned Building",
    ]


class StopError(Exception):
    pass


def test_what_may_be_stopped_is_stopped_when_it_says_something(stream):
    stopped = threading.Event()

    def check():
        if stopped.is_set():
            raise StopError

    one = CancellableReporter(PlainReporter(stream), check)
    work(one)
    with one.stage("Downloading") as stage:
        stage.advance(1, 2)
        stopped.set()
        for say in (
            lambda: stage.advance(2, 2),
            lambda: stage.detail("x"),
            one.stage("Unpacking").__enter__,
        ):
            with pytest.raises(StopError):
                say()
    one.note("what was said before stays true")
    assert "Unpacking" not in stream.getvalue()
    assert stream.getvalue().startswith(
        "Building ...\nBuilding: 2.0 s\nnoted Building\nwarning: warned Building\n"
    )


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
        (True, {}, {"TERM": "xterm"}, TerminalReporter),
        (True, {}, {"TERM": "dumb"}, PlainReporter),
        (True, {"verbose": True}, {"TERM": "xterm"}, PlainReporter),
        (False, {}, {"TERM": "xterm"}, PlainReporter),
        (False, {}, {"GITHUB_ACTIONS": "true"}, GitHubReporter),
        (True, {}, {"GITHUB_ACTIONS": "true"}, GitHubReporter),
        (False, {}, {"GITHUB_ACTIONS": ""}, PlainReporter),
        (False, {"quiet": True}, {"GITHUB_ACTIONS": "true"}, PlainReporter),
        (True, {"quiet": True}, {"TERM": "xterm"}, PlainReporter),
    ],
)
def test_the_reporter_fits_where_it_runs(monkeypatch, tty, options, environ, kind):
    monkeypatch.setattr(sys, "stderr", Tty() if tty else io.StringIO())
    assert (
        type(choose_reporter(**{"quiet": False, "verbose": False, **options}, environ=environ))
        is kind
    )


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
    assert format_duration(value) == expected


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
    assert format_size(count) == expected
