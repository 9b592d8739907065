"""The output of the reporters: lines, GitHub's groups, live lines on a terminal."""

import io
import re
import sys
import threading

import pytest
from rich.console import Console

from jitbuild.system.progress import CancellableReporter, LabelledReporter, SilentReporter
from jitbuild.system.reporters import GitHubReporter, PlainReporter, choose_reporter
from jitbuild.system.terminal_reporter import TerminalReporter

MARKUP_LIKE = [
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


def clock():
    """Return a clock that advances 2 seconds with each call."""
    return iter(range(0, 10**6, 2)).__next__


def plain_reporter(stream, **options):
    return PlainReporter(stream, clock=clock(), **options)


def github_reporter(stream):
    return GitHubReporter(stream, clock=clock())


class RecordingTerminal(TerminalReporter):
    """A TerminalReporter whose output can be read."""

    def __init__(self, width=100, **options):
        self.file = io.StringIO()
        options = {"force_terminal": True, "width": width, "highlight": False, **options}
        super().__init__(Console(file=self.file, **options), clock=clock())


def text(reporter):
    return reporter.file.getvalue()


def work(reporter, title="Building", detail="cc -c a.c"):
    with reporter.stage(title) as stage:
        stage.advance(1, None)
        stage.advance(2, 4)
        stage.detail(detail)
    reporter.note(f"noted {title}")
    reporter.warn(f"warned {title}")


def test_a_silent_reporter_prints_nothing(capsys):
    work(SilentReporter())
    assert capsys.readouterr() == ("", "")


def test_a_plain_reporter_prints_lines(stream):
    work(plain_reporter(stream))
    assert (
        stream.getvalue()
        == "Building ...\nBuilding: 2.0 s\nnoted Building\nwarning: warned Building\n"
    )


def test_a_quiet_reporter_prints_warnings_only(stream):
    work(plain_reporter(stream, quiet=True))
    assert stream.getvalue() == "warning: warned Building\n"


def test_a_plain_reporter_prints_to_stderr(capsys):
    work(PlainReporter())
    out, err = capsys.readouterr()
    assert out == ""
    assert "Building ..." in err


class Clock:
    """A clock that only a test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_long_stage_prints_lines_with_its_progress(stream):
    clock = Clock()
    with PlainReporter(stream, clock=clock).stage("make") as stage:
        for done in range(280):
            clock.now = float(done)
            stage.advance(done, 279)
            stage.detail(f"≈ {279 - done} s left, {done} of 279 files")
    lines = stream.getvalue().splitlines()
    assert lines[:3] == [
        "make ...",
        "make: 10 %, ≈ 251 s left, 28 of 279 files",
        "make: 20 %, ≈ 223 s left, 56 of 279 files",
    ]
    assert len(lines) == 11


def test_a_very_long_stage_prints_a_line_for_each_tenth(stream):
    clock = Clock()
    with GitHubReporter(stream, clock=clock).stage("Downloading") as stage:
        for done in range(1000):
            clock.now = 10.0 * done
            stage.advance(done, 999)
        stage.detail("connection reset")
    lines = [line for line in stream.getvalue().splitlines() if "%" in line]
    assert lines == [f"Downloading: {percent} %" for percent in range(10, 100, 10)]


def test_a_short_stage_and_one_of_unknown_length_print_no_progress(stream):
    clock = Clock()
    reporter = PlainReporter(stream, clock=clock)
    with reporter.stage("short") as stage:
        for done in range(100):
            clock.now += 0.1
            stage.advance(done, 99)
    with reporter.stage("unknown") as stage:
        for done in range(100):
            clock.now += 60
            stage.advance(done, None)
            stage.detail("checking for gcc")
    assert "%" not in stream.getvalue()
    with PlainReporter(stream, quiet=True, clock=clock).stage("quiet") as stage:
        for done in range(100):
            clock.now += 60
            stage.advance(done, 100)
    assert "%" not in stream.getvalue()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_stage_is_reported_and_its_error_raised(stream, error):
    with pytest.raises(error), plain_reporter(stream).stage("Building"):
        raise error
    assert stream.getvalue().endswith("Building: failed after 2.0 s\n")


def test_a_stage_is_a_group_on_github(stream):
    work(github_reporter(stream))
    assert stream.getvalue().splitlines() == [
        "::group::Building",
        "Building ...",
        "Building: 2.0 s",
        "::endgroup::",
        "noted Building",
        "::warning::warned Building",
    ]


def test_a_github_group_ends_when_its_stage_fails(stream):
    with pytest.raises(ValueError, match="x"), github_reporter(stream).stage("Building"):
        raise ValueError("x")
    assert stream.getvalue().splitlines()[-2:] == ["Building: failed after 2.0 s", "::endgroup::"]


def test_line_ends_in_github_commands_are_escaped(stream):
    github_reporter(stream).warn("50 %\r\nnext")
    with github_reporter(stream).stage("50 %\nnext"):
        pass
    lines = stream.getvalue().splitlines()
    assert lines[0] == "::warning::50 %25%0D%0Anext"
    assert lines[1] == "::group::50 %25%0Anext"


def test_a_stage_leaves_a_line_on_a_terminal():
    reporter = RecordingTerminal()
    work(reporter)
    assert "done" in text(reporter)
    assert "Building" in text(reporter)
    assert "noted Building" in text(reporter)
    assert "warning:" in text(reporter)


def test_a_failed_stage_leaves_a_line_on_a_terminal():
    reporter = RecordingTerminal()
    with pytest.raises(KeyboardInterrupt), reporter.stage("Building"):
        raise KeyboardInterrupt
    assert "failed" in text(reporter)
    assert "done" not in text(reporter)


@pytest.mark.parametrize("title", MARKUP_LIKE)
def test_text_that_looks_like_markup_is_shown_unchanged(title):
    reporter = RecordingTerminal(color_system=None)
    work(reporter, title, detail=title)
    assert f"done   {title} " in text(reporter)
    assert f"noted {title}" in text(reporter)
    assert f"warned {title}" in text(reporter)


@pytest.mark.parametrize("detail", MARKUP_LIKE)
def test_details_that_look_like_markup_are_shown_unchanged(detail):
    reporter = RecordingTerminal(color_system=None)
    with reporter.stage("Building") as stage:
        stage.detail(detail)
        reporter.live.refresh()
    assert detail in text(reporter)


def test_a_path_is_not_folded():
    reporter, path = RecordingTerminal(width=40), "/somewhere/" + "long/" * 20
    reporter.note(path)
    reporter.warn(path)
    assert text(reporter).count(path) == 2


def test_a_long_detail_stays_on_its_line():
    reporter = RecordingTerminal(width=60)
    with reporter.stage("Building") as stage:
        stage.detail("x" * 500)
        reporter.live.refresh()
    assert "…" in text(reporter)
    assert "x" * 61 not in text(reporter)


def test_nested_stages_share_the_display():
    reporter = RecordingTerminal(color_system=None)
    with reporter.stage("outer"), reporter.stage("inner"):
        pass
    assert text(reporter).index("done   inner") < text(reporter).index("done   outer")
    assert reporter.live is None
    work(reporter, "later")
    assert "done   later" in text(reporter)


def test_stages_of_several_threads_share_the_display():
    reporter, both = RecordingTerminal(color_system=None), threading.Barrier(2)

    def stage(title):
        with reporter.stage(title):
            both.wait(timeout=60)

    threads = [threading.Thread(target=stage, args=(f"thread {number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "done   thread 0" in text(reporter)
    assert "done   thread 1" in text(reporter)


def frame(reporter, width):
    """Return the current live lines."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(reporter.live.get_renderable())
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_concurrent_builds_can_be_told_apart(width):
    reporter = RecordingTerminal(width)
    names = ["cpython-3.13.15-jit-yes-off-fast", "cpython-3.15.0b2-jit-no-release"]
    with (
        LabelledReporter(reporter, names[0]).stage("make") as make,
        LabelledReporter(reporter, names[1]).stage("configure") as configure,
        reporter.stage("Downloading Python-3.14.6.tar.xz") as download,
    ):
        make.detail("Modules/_decimal/libmpdec/numbertheory.c " + "x" * 200)
        configure.detail("checking for stdio.h")
        download.advance(1, 4)
        download.detail("connection reset; trying again in 3 s")
        lines = frame(reporter, width)
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    for line, begin, end, detail in zip(
        lines,
        ["cpython-3.13", "cpython-3.15", "Downloading"],
        [": make ", ": configure ", ".tar.xz "],
        ["Modules/_de", "checking", "connection reset"],
        strict=True,
    ):
        assert begin in line
        assert end in line
        assert detail in line


LEFT = "≈ 59 min 59 s left"


@pytest.mark.parametrize("width", [30, 40, 49, 50, 60, 80, 100, 120, 200])
def test_the_time_left_stays_on_narrow_terminals(width):
    reporter = RecordingTerminal(width)
    with reporter.stage("cpython-3.13.15-jit-yes-off-fast: make") as stage:
        stage.advance(131, 279)
        stage.detail(f"{LEFT}, 131 of 279 files, Objects/longobject.c")
        (line,) = frame(reporter, width)
    assert LEFT in line
    assert len(line) <= width
    assert ("0:00:0" in line) == (width >= 50)
    assert ("━" in line) == (width >= 120)
    assert ("131 of 279 files" in line) == (width >= 100)
    assert ("Objects/longobject.c" in line) == (width >= 200)
    assert "make" in line or width == 30


@pytest.mark.parametrize("width", [1, 8, 20])
def test_a_live_line_is_never_longer_than_the_terminal(width):
    reporter = RecordingTerminal(width)
    with reporter.stage("cpython-3.13.15-jit-fast: make") as stage:
        stage.advance(131, 279)
        stage.detail(f"{LEFT}, 131 of 279 files")
        assert all(len(line) <= width for line in frame(reporter, width))


@pytest.mark.parametrize("columns", [40, 60, 132])
def test_columns_sets_the_width(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    reporter = RecordingTerminal(width=None)
    with reporter.stage("Building") as stage:
        stage.detail("x" * 500)
        reporter.live.refresh()
    lines = re.findall(r"[^\r\n]*x+…", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text(reporter)))
    assert lines
    assert {len(line) for line in lines} == {columns}


def test_a_title_that_fits_is_not_shortened():
    reporter = RecordingTerminal(80, color_system=None)
    with reporter.stage("t" * 40), reporter.stage("u" * 41):
        lines = frame(reporter, 80)
    assert "t" * 40 in lines[0]
    assert "…" not in lines[0]
    assert f"{'u' * 19}…{'u' * 20} " in lines[1]
    assert f"done   {'u' * 41} " in text(reporter)


def test_a_bar_leaves_room_for_the_detail_of_its_own_stage():
    reporter = RecordingTerminal(100)
    with reporter.stage("Downloading") as stage:
        stage.advance(1, 4)
        stage.detail("connection reset; trying again in 3 s")
        assert "━ " in frame(reporter, 100)[0]
        assert "connection reset; trying again in 3 s" in frame(reporter, 100)[0]


def together(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Pieces(io.StringIO):
    """A stream that records its writes."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, piece):
        self.pieces.append(piece)
        return super().write(piece)


@pytest.mark.parametrize("kind", [PlainReporter, GitHubReporter])
def test_each_line_is_one_write(kind):
    stream = Pieces()
    reporter = kind(stream)
    together(*[lambda number=number: work(reporter, f"thread {number}") for number in range(8)])
    assert all(piece.endswith("\n") and piece.count("\n") == 1 for piece in stream.pieces)
    for number in range(8):
        assert f"thread {number} ...\n" in stream.pieces
        assert f"noted thread {number}\n" in stream.pieces


def run_in_order(*threads):
    """Run steps, each a thread's name and a function, in the given order."""
    turns = [threading.Event() for _ in range(len(threads) + 1)]
    turns[0].set()

    def of(who):
        for number, (name, step) in enumerate(threads):
            if name == who:
                assert turns[number].wait(30)
                step()
                turns[number + 1].set()

    together(*[lambda who=who: of(who) for who in dict(threads)])


class ManualStage:
    """A stage that is entered and left by separate calls."""

    def __init__(self, reporter, title):
        self.stage = reporter.stage(title)

    def begin(self):
        self.stage.__enter__()

    def end(self):
        self.stage.__exit__(None, None, None)


def without_durations(stream):
    """Return the lines without their durations."""
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
    reporter = github_reporter(stream)
    first, second, third = (
        ManualStage(reporter, "one"),
        ManualStage(reporter, "two"),
        ManualStage(reporter, "three"),
    )
    run_in_order(
        ("a", first.begin),
        ("b", second.begin),
        ("a", lambda: reporter.note("said by a")),
        ("a", first.end),
        ("b", second.end),
        ("b", third.begin),
        ("b", third.end),
    )
    assert without_durations(stream) == [
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


def test_a_note_of_another_thread_is_outside_the_group(stream):
    reporter = github_reporter(stream)
    first = ManualStage(reporter, "one")
    run_in_order(("a", first.begin), ("b", lambda: reporter.note("said by b")), ("a", first.end))
    assert without_durations(stream) == [
        "::group::one",
        "one ...",
        "::endgroup::",
        "said by b",
        "one",
    ]


def test_a_nested_stage_is_in_the_group_of_the_outer_one(stream):
    reporter = github_reporter(stream)
    with reporter.stage("outer"), reporter.stage("inner"):
        pass
    assert without_durations(stream) == [
        "::group::outer",
        "outer ...",
        "inner ...",
        "inner",
        "outer",
        "::endgroup::",
    ]


def test_github_groups_of_many_threads_are_well_formed(stream):
    reporter = github_reporter(stream)

    def several(number):
        for count in range(20):
            work(reporter, f"thread {number}, {count}")

    together(*[lambda number=number: several(number) for number in range(6)])
    lines = stream.getvalue().splitlines()
    assert groups_are_well_formed(lines)
    assert sum(line.endswith(" ...") for line in lines) == 120
    with reporter.stage("last"):
        pass
    assert stream.getvalue().splitlines()[-4] == "::group::last"


def test_a_label_precedes_every_text(stream):
    work(LabelledReporter(plain_reporter(stream), "3.13.15"))
    assert stream.getvalue().splitlines() == [
        "3.13.15: Building ...",
        "3.13.15: Building: 2.0 s",
        "3.13.15: noted Building",
        "warning: 3.13.15: warned Building",
    ]


class StopError(Exception):
    pass


def test_a_cancellable_reporter_checks_when_a_stage_begins_or_reports(stream):
    stopped = threading.Event()

    def check():
        if stopped.is_set():
            raise StopError

    reporter = CancellableReporter(plain_reporter(stream), check)
    work(reporter)
    with reporter.stage("Downloading") as stage:
        stage.advance(1, 2)
        stopped.set()
        for report in (
            lambda: stage.advance(2, 2),
            lambda: stage.detail("x"),
            reporter.stage("Unpacking").__enter__,
        ):
            with pytest.raises(StopError):
                report()
    reporter.note("notes are not checked")
    assert "Unpacking" not in stream.getvalue()
    assert stream.getvalue().startswith(
        "Building ...\nBuilding: 2.0 s\nnoted Building\nwarning: warned Building\n"
    )


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    reporter = RecordingTerminal()
    work(reporter)
    assert "\x1b[31m" not in text(reporter)
    assert "\x1b[32m" not in text(reporter)
    assert "\x1b[33m" not in text(reporter)


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
def test_the_reporter_depends_on_the_terminal_and_the_environment(
    monkeypatch, tty, options, environ, kind
):
    monkeypatch.setattr(sys, "stderr", Tty() if tty else io.StringIO())
    assert (
        type(choose_reporter(**{"quiet": False, "verbose": False, **options}, environ=environ))
        is kind
    )
