"""Real processes: whatever ends the wait for a child ends everything that it started."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from processes import LONGEST, Started, is_alive, read_pid, wait_until, wait_until_ended

from jitbuild.system import cancellation, process, signals
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.process_group import ProcessEffects
from jitbuild.system.progress import SilentReporter
from jitbuild.system.replacement import replace_process

pytestmark = [pytest.mark.integration, pytest.mark.skipif(os.name != "posix", reason="POSIX")]

PYTHON = sys.executable
# Writes its pid into a file, and runs longer than any test unless it is ended.
LIVES = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LIVES
# Writes a file at SIGTERM, and runs on.
ASKED = (
    "import signal, sys; asked = sys.argv[1] + '.asked'; "
    "signal.signal(signal.SIGTERM, lambda *_: open(asked, 'w').close()); " + LIVES
)


def run_python(code, *args, **options):
    return process.run([PYTHON, "-c", textwrap.dedent(code), *map(str, args)], **options)


def stream_python(code, *args, cwd, on_line=lambda _line: None, **env):
    log = io.BytesIO()
    argv = [PYTHON, "-c", textwrap.dedent(code), *map(str, args)]
    return process.stream(
        argv, env={**os.environ, **env}, cwd=cwd, log=log, on_line=on_line
    ), log.getvalue()


def timed_out(code, *args, pid):
    """Return a run of `code` that timed out after it had written its pid, on any machine."""
    for seconds in (1, 4, 16, 64):
        done = run_python(code, *args, timeout=seconds)
        assert done.timed_out
        with contextlib.suppress(FileNotFoundError, ValueError):
            int(pid.read_text())
            return done
    raise AssertionError(f"nothing was written to {pid}")


@pytest.fixture
def quick(monkeypatch):
    """Shorten the grace period for children that ignore SIGTERM."""
    monkeypatch.setattr(cancellation, "GRACE_SECONDS", 0.3)


def test_output_and_exit_code_are_returned():
    done = run_python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (done.returncode, done.stdout, done.stderr, done.ok, done.timed_out) == (
        3,
        "out\n",
        "err\n",
        False,
        False,
    )


def test_the_signal_that_ended_a_child_is_its_exit_code():
    assert run_python("import os; os.kill(os.getpid(), 9)").returncode == -9


def test_output_that_is_not_utf_8_is_replaced(tmp_path):
    code = r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb\n')"
    assert run_python(code).stdout == "a\ufffd\ufffdb\n"
    lines = []
    assert stream_python(code, cwd=tmp_path, on_line=lines.append) == (0, b"a\xff\xfeb\n")
    assert lines == ["a\ufffd\ufffdb"]


def test_stdin_is_the_given_text_or_empty(tmp_path):
    echo = "import sys; sys.stdout.write(sys.stdin.read())"
    assert run_python(echo, stdin="grüße\n").stdout == "grüße\n"
    assert run_python(echo, timeout=LONGEST).stdout == ""
    assert stream_python(echo, cwd=tmp_path) == (0, b"")


def test_a_child_need_not_read_its_stdin():
    assert run_python("pass", stdin="x" * 1_000_000).ok
    slow = run_python("import time; time.sleep(60)", stdin="x" * 1_000_000, timeout=0.5)
    assert slow.timed_out


@pytest.mark.parametrize(
    "start", [process.run, lambda argv: replace_process(argv, env={"PATH": "/none"})]
)
def test_a_missing_program_is_an_oserror(start):
    with pytest.raises(FileNotFoundError):
        start(["jitbuild-has-no-such-program"])


def test_a_program_that_may_not_be_run_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("no program")
    with pytest.raises(PermissionError):
        process.run([str(tmp_path / "file")])


def test_the_environment_is_exactly_the_given_one(monkeypatch, tmp_path):
    monkeypatch.setenv("LEAKS", "1")
    env = "import os; print(sorted(os.environ.items()))"
    given = {"ONE": "1", "LC_CTYPE": "C.UTF-8"}
    assert run_python(env, env=given).stdout == f"{sorted(given.items())}\n"
    log = io.BytesIO()
    process.stream(
        [PYTHON, "-c", env], env=given, cwd=tmp_path, log=log, on_line=lambda _line: None
    )
    assert log.getvalue().decode() == f"{sorted(given.items())}\n"
    assert "('LEAKS', '1')" in run_python(env).stdout


def test_a_program_is_looked_up_on_the_given_path(tmp_path):
    program = tmp_path / "bin" / "say"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho said\n")
    program.chmod(0o755)
    assert process.run(["say"], env={"PATH": str(program.parent)}).stdout == "said\n"


def test_the_working_folder_is_the_given_one(tmp_path):
    code = "import os; print(os.getcwd())"
    assert run_python(code, cwd=tmp_path).stdout == f"{tmp_path.resolve()}\n"
    assert stream_python(code, cwd=tmp_path)[1].decode() == f"{tmp_path.resolve()}\n"


def test_huge_output_on_both_pipes_does_not_block():
    done = run_python(
        """
        import sys
        for _ in range(50):
            sys.stdout.write("o" * 100_000)
            sys.stderr.write("e" * 100_000)
        """
    )
    assert (len(done.stdout), len(done.stderr)) == (5_000_000, 5_000_000)


def test_huge_output_without_lines_does_not_block(tmp_path):
    code, log = stream_python("import sys; sys.stdout.write('o' * 5_000_000)", cwd=tmp_path)
    assert (code, len(log)) == (0, 5_000_000)


def test_a_stream_merges_both_outputs_in_order(tmp_path):
    seen = []
    code = """
        import sys
        for number in range(3):
            print("out", number, flush=True)
            print("err", number, file=sys.stderr, flush=True)
        sys.exit(4)
    """
    returned, log = stream_python(code, cwd=tmp_path, on_line=seen.append)
    assert returned == 4
    assert seen == [f"{name} {number}" for number in range(3) for name in ("out", "err")]
    assert log.decode().splitlines() == seen


def test_a_child_that_closes_its_output_is_still_waited_for(tmp_path):
    code = """
        import os, time
        print("said", flush=True)
        os.close(1), os.close(2)
        time.sleep(0.5)
        os._exit(5)
    """
    assert stream_python(code, cwd=tmp_path) == (5, b"said\n")
    assert run_python(code).returncode == 5


def test_a_timeout_is_reported_and_not_raised():
    done = run_python("import time; time.sleep(600)", timeout=0.3)
    assert (done.timed_out, done.ok) == (True, False)


def test_a_timeout_ends_grandchildren_that_ignore_sigterm(tmp_path, quick):
    starts = """
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", *sys.argv[1:]])
        time.sleep(600)
    """
    timed_out(starts, STUBBORN, tmp_path / "pid", pid=tmp_path / "pid")
    wait_until_ended(read_pid(tmp_path / "pid"))


def test_a_timeout_ends_a_child_that_ignores_sigterm(tmp_path, quick):
    timed_out(STUBBORN, tmp_path / "pid", pid=tmp_path / "pid")
    wait_until_ended(read_pid(tmp_path / "pid"))


def test_an_error_of_the_caller_ends_the_child(tmp_path):
    def on_line(line):
        raise RuntimeError(line)

    with pytest.raises(RuntimeError, match=r"^[0-9]+$") as raised:
        stream_python(
            "import os, time; print(os.getpid(), flush=True); time.sleep(600)",
            cwd=tmp_path,
            on_line=on_line,
        )
    wait_until_ended(int(str(raised.value)))


@pytest.mark.parametrize("call", [run_python, stream_python])
def test_ctrl_c_in_the_parent_ends_the_child(tmp_path, call):
    def interrupt():
        read_pid(tmp_path / "pid")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt), signals.raise_on_signals():
        call(LIVES, tmp_path / "pid", cwd=tmp_path)
    thread.join()
    wait_until_ended(read_pid(tmp_path / "pid"))


def parent(tmp_path, body):
    """Start a Python that runs `body` with the modules of processes imported."""
    code = (
        "import os, sys, io\nfrom pathlib import Path\n"
        "from jitbuild.system import cancellation, process, signals\n" + textwrap.dedent(body)
    )
    return Started([PYTHON, "-c", code], cwd=tmp_path)


def interrupt_twice(started, *files):
    """Send Ctrl-C, and again when each child of `files` was asked to end and runs on."""
    children = [read_pid(file) for file in files]
    started.send_signal(signal.SIGINT)
    for file in files:
        wait_until(Path(f"{file}.asked").exists, "the child is asked to end")
    assert all(is_alive(child) for child in children)
    started.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in started.communicate()[1]
    wait_until_ended(*children)


STREAMS = (
    "process.stream({argv!r}, env=dict(os.environ), cwd=Path('.'), log=io.BytesIO(), "
    "on_line=lambda line: None)"
)


def test_a_second_ctrl_c_kills_a_child_that_ignores_sigterm(tmp_path):
    file = tmp_path / "pid"
    body = f"""
        cancellation.GRACE_SECONDS = 600.0
        with signals.raise_on_signals():
            {STREAMS.format(argv=[PYTHON, "-c", ASKED, str(file)])}
    """
    interrupt_twice(parent(tmp_path, body), file)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_the_process_like_ctrl_c(tmp_path, number):
    body = f"""
        try:
            with signals.raise_on_signals():
                {STREAMS.format(argv=[PYTHON, "-c", LIVES, str(tmp_path / "pid")])}
        except signals.SignalReceived as ended:
            sys.exit(128 + ended.number)
    """
    started = parent(tmp_path, body)
    child = read_pid(tmp_path / "pid")
    started.send_signal(number)
    assert started.wait() == 128 + number
    wait_until_ended(child)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only there a child is started by a fork with Python's hooks"
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", [[PYTHON, "-c", LIVES, "pid"], ["./no-such-program"]])
def test_a_signal_during_the_start_of_a_child_is_not_lost(tmp_path, number, program):
    """Python prints and drops an exception in a hook that runs after a fork (logging has one)."""
    body = f"""
        os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), {int(number)}))
        try:
            with signals.raise_on_signals():
                {STREAMS.format(argv=program)}
        except KeyboardInterrupt as ended:
            sys.exit(128 + getattr(ended, "number", 2))
    """
    started = parent(tmp_path, body)
    err = started.communicate()[1]
    assert started.returncode == 128 + number, err
    assert "Exception ignored" not in err
    if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
        wait_until_ended(int((tmp_path / "pid").read_text()))


def test_an_ignored_signal_stays_ignored(tmp_path):
    body = """
        import signal
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with signals.raise_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        sys.exit(7)
    """
    started = parent(tmp_path, body)
    assert started.wait() == 7


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("make") is None,
    reason="Linux's PDEATHSIG, through make",
)
def test_killing_the_parent_ends_the_children_of_make(tmp_path):
    (tmp_path / "lives.py").write_text(LIVES)
    (tmp_path / "Makefile").write_text(f"all: one two\none two:\n\t{PYTHON} lives.py $@.pid\n")
    started = parent(tmp_path, STREAMS.format(argv=["make", "-j2"]))
    children = [read_pid(tmp_path / f"{name}.pid") for name in ("one", "two")]
    started.kill()
    started.wait()
    wait_until_ended(*children)


def test_a_program_that_replaces_this_one_ends_at_sigpipe():
    # `yes` prints an error about the broken pipe unless SIGPIPE ends it first.
    code = (
        "import os\nfrom jitbuild.system.replacement import replace_process\n"
        "replace_process(['yes'], env=dict(os.environ))"
    )
    piped = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" | head -n 1', PYTHON, code],
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST,
    )
    assert (piped.stdout, piped.stderr) == ("y\n", "")


def test_a_failed_replacement_leaves_the_process_unchanged():
    before = signal.getsignal(signal.SIGPIPE)
    with pytest.raises(FileNotFoundError):
        replace_process(["jitbuild-has-no-such-program"], env={"PATH": "/none"})
    assert signal.getsignal(signal.SIGPIPE) == before


def test_a_timeout_in_another_thread_ends_the_child(tmp_path):
    results = []
    thread = threading.Thread(
        target=lambda: results.append(timed_out(LIVES, tmp_path / "pid", pid=tmp_path / "pid"))
    )
    thread.start()
    thread.join()
    assert results
    wait_until_ended(read_pid(tmp_path / "pid"))


# task groups

# Starts a grandchild that ignores SIGTERM like the child itself.
STUBBORN_FAMILY = """
    import subprocess, sys
    code, mine, grandchild = sys.argv[1:4]
    subprocess.Popen([sys.executable, "-c", code, grandchild])
    sys.argv[1] = mine
    exec(code)
"""


def in_threads(*functions):
    """Run each function in a thread of one task group, until one raises or Ctrl-C arrives."""
    return run_concurrently(
        *[lambda _reporter, function=function: function() for function in functions],
        reporter=SilentReporter(),
    )


def interrupt_when(*paths):
    """Start a thread that sends this process Ctrl-C once every file exists."""

    def interrupt():
        for path in paths:
            read_pid(path)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


def test_ctrl_c_ends_the_children_and_grandchildren_of_all_threads(tmp_path, quick):
    files = [tmp_path / name for name in ("one", "one-grandchild", "two", "two-grandchild")]
    thread = interrupt_when(*files)
    with pytest.raises(KeyboardInterrupt) as raised:
        in_threads(
            lambda: run_python(STUBBORN_FAMILY, STUBBORN, *files[:2]),
            lambda: stream_python(STUBBORN_FAMILY, STUBBORN, *files[2:], cwd=tmp_path),
        )
    thread.join()
    assert not isinstance(raised.value, cancellation.Cancelled)
    wait_until_ended(*map(read_pid, files))


# At SIGTERM each waits until the other got it too, and only then writes that it ended well.
TOGETHER = """
    import os, signal, sys, time
    from pathlib import Path
    mine, other = map(Path, sys.argv[1:])
    def end(*_):
        mine.with_suffix(".asked").touch()
        while not other.with_suffix(".asked").exists():
            time.sleep(0.02)
        mine.with_suffix(".well").touch()
        os._exit(0)
    signal.signal(signal.SIGTERM, end)
    part = mine.with_suffix(".part")
    part.write_text(str(os.getpid()))
    part.rename(mine)
    time.sleep(600)
"""


def test_children_are_ended_at_the_same_time(tmp_path, monkeypatch):
    # If they were ended in turn, the first would never end well.
    monkeypatch.setattr(cancellation, "GRACE_SECONDS", 60.0)
    one, two = tmp_path / "one", tmp_path / "two"
    thread = interrupt_when(one, two)
    with pytest.raises(KeyboardInterrupt):
        in_threads(
            lambda: run_python(TOGETHER, one, two),
            lambda: stream_python(TOGETHER, two, one, cwd=tmp_path),
        )
    thread.join()
    assert one.with_suffix(".well").exists()
    assert two.with_suffix(".well").exists()


def test_nothing_starts_after_the_cancellation(tmp_path):
    seen = []

    def goes_on():
        for _ in range(2):
            try:
                run_python(LIVES, tmp_path / "pid")
            except cancellation.Cancelled as stopped:
                seen.append(stopped)
                if len(seen) == 1:
                    (tmp_path / "pid").rename(tmp_path / "first")

    def fails():
        read_pid(tmp_path / "pid")
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        in_threads(goes_on, fails)
    assert len(seen) == 2
    wait_until_ended(read_pid(tmp_path / "first"))
    assert not (tmp_path / "pid").exists()


def test_a_child_that_starts_during_the_cancellation_is_ended(tmp_path):
    """At any timing, each started child ends and each thread gets Cancelled."""
    cancelled = []

    def starts(number):
        try:
            for count in range(10_000):
                pid = tmp_path / f"{number}-{count}"
                process.run(["/bin/sh", "-c", 'echo $$ > "$0"; exec sleep 0.01', str(pid)])
        except cancellation.Cancelled:
            cancelled.append(number)
            raise

    def fails():
        wait_until((tmp_path / "3-5").exists, "a child is started six times")
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        in_threads(*[lambda number=number: starts(number) for number in range(4)], fails)
    assert sorted(cancelled) == [0, 1, 2, 3]
    pids = [int(text) for file in tmp_path.iterdir() if (text := file.read_text())]
    assert len(pids) >= 5
    wait_until_ended(*pids)


def test_a_child_that_started_just_before_the_cancellation_is_ended(tmp_path):
    started = []
    with cancellation.task_group() as group:

        class Late(subprocess.Popen):
            def __init__(self, *args, **options):
                super().__init__(*args, **options)
                started.append(self.pid)
                group.cancel()

        with pytest.raises(cancellation.Cancelled):
            process.run([PYTHON, "-c", LIVES, os.devnull], effects=ProcessEffects(popen=Late))
    assert len(started) == 1
    wait_until_ended(*started)


def test_the_result_of_a_child_that_was_cancelled_is_dropped(tmp_path):
    """The child ends with 0 at SIGTERM, and its log looks complete."""
    code = """
        import os, signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(600)
    """
    seen = []

    def works():
        try:
            seen.append(stream_python(code, tmp_path / "pid", cwd=tmp_path))
        except cancellation.Cancelled:
            seen.append("stopped")

    def fails():
        read_pid(tmp_path / "pid")
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        in_threads(works, fails)
    assert seen == ["stopped"]


def test_a_subgroup_is_cancelled_with_its_parent_but_not_the_reverse(tmp_path, quick):
    def fails_inside():
        with pytest.raises(ValueError, match="inner"):
            in_threads(
                lambda: run_python(LIVES, tmp_path / "inner"),
                lambda: read_pid(tmp_path / "inner") and int("inner"),
            )
        wait_until_ended(read_pid(tmp_path / "inner"))
        assert is_alive(read_pid(tmp_path / "outer"))
        return in_threads(lambda: run_python(STUBBORN, tmp_path / "again"))

    thread = interrupt_when(tmp_path / "outer", tmp_path / "again")
    with pytest.raises(KeyboardInterrupt):
        in_threads(lambda: run_python(LIVES, tmp_path / "outer"), fails_inside)
    thread.join()
    wait_until_ended(read_pid(tmp_path / "outer"))
    wait_until_ended(read_pid(tmp_path / "again"))


def test_many_threads_can_start_children_at_once():
    """The code between fork and exec takes no lock that another thread may hold."""

    def starts():
        return [process.run(["true"]).returncode for _ in range(25)]

    def imports_and_allocates():
        for _ in range(200):
            exec("import logging, random; logging.getLogger(str(random.random())).debug('x')", {})

    results = in_threads(*[starts] * 8, *[imports_and_allocates] * 4)
    assert results[:8] == ([0] * 25,) * 8


def test_only_the_passed_descriptors_stay_open(tmp_path):
    read, write = os.pipe()
    try:
        code = (
            "import os, sys\nfor fd in sys.argv[1:]:\n"
            " try: os.fstat(int(fd)); print('open')\n except OSError: print('closed')"
        )
        argv = [PYTHON, "-c", code, str(read), str(write)]
        log = io.BytesIO()
        process.stream(
            argv,
            env=dict(os.environ),
            cwd=tmp_path,
            log=log,
            on_line=lambda _line: None,
            pass_fds=[write],
        )
        assert log.getvalue() == b"closed\nopen\n"
    finally:
        os.close(read)
        os.close(write)


THREADS = """
    import signal
    from jitbuild.system.concurrency import run_concurrently
    from jitbuild.system.progress import SilentReporter
    try:
        with signals.raise_on_signals():
            run_concurrently(
                *[
                    lambda _, argv=argv: process.stream(
                        argv, env=dict(os.environ), cwd=Path("."), log=io.BytesIO(), on_line=print
                    )
                    for argv in {argvs!r}
                ],
                reporter=SilentReporter(),
            )
    except signals.SignalReceived as ended:
        sys.exit(128 + ended.number)
"""


def lives_in_threads(tmp_path):
    """Start a Python that waits for two children in threads; return it and the children's pids."""
    files = [tmp_path / "one", tmp_path / "two"]
    started = parent(
        tmp_path, THREADS.format(argvs=[[PYTHON, "-c", LIVES, str(file)] for file in files])
    )
    return started, [read_pid(file) for file in files]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_children_of_all_threads(tmp_path, number):
    started, children = lives_in_threads(tmp_path)
    started.send_signal(number)
    assert started.wait() == 128 + number
    wait_until_ended(*children)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's PDEATHSIG")
def test_killing_the_parent_ends_the_children_of_its_threads(tmp_path):
    started, children = lives_in_threads(tmp_path)
    started.kill()
    started.wait()
    wait_until_ended(*children)


def test_a_second_ctrl_c_kills_the_children_of_a_task_group(tmp_path):
    files = [tmp_path / "one", tmp_path / "two"]
    body = THREADS.format(argvs=[[PYTHON, "-c", ASKED, str(file)] for file in files])
    started = parent(tmp_path, "cancellation.GRACE_SECONDS = 600.0\n" + textwrap.dedent(body))
    interrupt_twice(started, *files)
