"""Processes, for real: whatever ends the wait for a child ends everything that it started."""

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
import time
from pathlib import Path

import pytest

from jitbuild import process

pytestmark = [pytest.mark.integration, pytest.mark.skipif(os.name != "posix", reason="POSIX")]

PYTHON = sys.executable
# Says its pid in a file, and lives for longer than any test unless it is ended.
LIVES = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LIVES


def run_python(code, *args, **options):
    return process.run([PYTHON, "-c", textwrap.dedent(code), *map(str, args)], **options)


def stream_python(code, *args, cwd, on_line=lambda _line: None, **env):
    log = io.BytesIO()
    argv = [PYTHON, "-c", textwrap.dedent(code), *map(str, args)]
    return process.stream(argv, env={**os.environ, **env}, cwd=cwd, log=log, on_line=on_line), log.getvalue()


def pid_in(path, seconds=60.0):
    """The pid that a child wrote, once it has."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(f"nothing was written to {path}")


def timed_out(code, *args, pid):
    """A run of `code` that was ended when its time was up, and not before it had written its pid, however slow the machine."""
    for seconds in (1, 4, 16, 64):
        done = run_python(code, *args, timeout=seconds)
        assert done.timed_out
        with contextlib.suppress(FileNotFoundError, ValueError):
            int(pid.read_text())
            return done
    raise AssertionError(f"nothing was written to {pid}")


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Where nobody reaps orphans they stay as zombies.
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return True


def ended(pid, seconds=60.0):
    until = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_alive(pid)


@pytest.fixture
def quick(monkeypatch):
    """A short grace for what does not heed SIGTERM."""
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.3)


def test_output_and_exit_code_are_handed_back():
    done = run_python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (done.returncode, done.stdout, done.stderr, done.ok, done.timed_out) == (3, "out\n", "err\n", False, False)


def test_the_signal_that_ended_it_is_told():
    assert run_python("import os; os.kill(os.getpid(), 9)").returncode == -9


def test_output_that_is_not_utf_8_is_no_trouble(tmp_path):
    code = r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb\n')"
    assert run_python(code).stdout == "a\ufffd\ufffdb\n"
    lines = []
    assert stream_python(code, cwd=tmp_path, on_line=lines.append) == (0, b"a\xff\xfeb\n")
    assert lines == ["a\ufffd\ufffdb"]


def test_stdin_is_what_was_given_and_else_empty(tmp_path):
    echo = "import sys; sys.stdout.write(sys.stdin.read())"
    assert run_python(echo, stdin="grüße\n").stdout == "grüße\n"
    assert run_python(echo, timeout=10).stdout == ""
    assert stream_python(echo, cwd=tmp_path) == (0, b"")


def test_a_child_that_does_not_read_its_stdin_is_no_trouble():
    assert run_python("pass", stdin="x" * 1_000_000).ok
    slow = run_python("import time; time.sleep(60)", stdin="x" * 1_000_000, timeout=0.5)
    assert slow.timed_out


@pytest.mark.parametrize("start", [process.run, lambda argv: process.replace(argv, env={"PATH": "/none"})])
def test_a_program_that_is_not_there_is_an_oserror(start):
    with pytest.raises(FileNotFoundError):
        start(["jitbuild-has-no-such-program"])


def test_a_program_that_may_not_be_run_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("no program")
    with pytest.raises(PermissionError):
        process.run([str(tmp_path / "file")])


def test_the_environment_is_what_was_given_exactly(monkeypatch, tmp_path):
    monkeypatch.setenv("LEAKS", "1")
    env = "import os; print(sorted(os.environ.items()))"
    given = {"ONE": "1", "LC_CTYPE": "C.UTF-8"}
    assert run_python(env, env=given).stdout == f"{sorted(given.items())}\n"
    log = io.BytesIO()
    process.stream([PYTHON, "-c", env], env=given, cwd=tmp_path, log=log, on_line=lambda _line: None)
    assert log.getvalue().decode() == f"{sorted(given.items())}\n"
    assert "('LEAKS', '1')" in run_python(env).stdout


def test_a_program_is_looked_for_on_the_path_that_was_given(tmp_path):
    program = tmp_path / "bin" / "say"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho said\n")
    program.chmod(0o755)
    assert process.run(["say"], env={"PATH": str(program.parent)}).stdout == "said\n"


def test_the_folder_is_what_was_given(tmp_path):
    code = "import os; print(os.getcwd())"
    assert run_python(code, cwd=tmp_path).stdout == f"{tmp_path.resolve()}\n"
    assert stream_python(code, cwd=tmp_path)[1].decode() == f"{tmp_path.resolve()}\n"


def test_huge_output_on_both_pipes_does_not_block():
    done = run_python("import sys\nfor i in range(50):\n sys.stdout.write('o' * 100_000)\n sys.stderr.write('e' * 100_000)")
    assert (len(done.stdout), len(done.stderr)) == (5_000_000, 5_000_000)


def test_huge_output_without_lines_does_not_block(tmp_path):
    code, log = stream_python("import sys; sys.stdout.write('o' * 5_000_000)", cwd=tmp_path)
    assert (code, len(log)) == (0, 5_000_000)


def test_a_stream_is_both_outputs_in_order_and_line_by_line(tmp_path):
    seen = []
    code = (
        "import sys\nfor i in range(3):\n print('out', i, flush=True)\n print('err', i, file=sys.stderr, flush=True)\nsys.exit(4)"
    )
    returned, log = stream_python(code, cwd=tmp_path, on_line=seen.append)
    assert returned == 4
    assert seen == [f"{name} {number}" for number in range(3) for name in ("out", "err")]
    assert log.decode().splitlines() == seen


def test_a_child_that_closes_its_output_is_waited_for(tmp_path):
    code = "import os, time; print('said', flush=True); os.close(1); os.close(2); time.sleep(0.5); os._exit(5)"
    assert stream_python(code, cwd=tmp_path) == (5, b"said\n")
    assert run_python(code).returncode == 5


def test_a_timeout_is_told_not_raised():
    begun = time.monotonic()
    done = run_python("import time; time.sleep(60)", timeout=0.3)
    assert (done.timed_out, done.ok) == (True, False)
    assert time.monotonic() - begun < 4


def test_a_timeout_ends_grandchildren_that_ignore_sigterm(tmp_path, quick):
    starts = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]]); time.sleep(600)"
    timed_out(starts, STUBBORN, tmp_path / "pid", pid=tmp_path / "pid")
    assert ended(pid_in(tmp_path / "pid"))


def test_a_timeout_ends_a_child_that_ignores_sigterm(tmp_path, quick):
    timed_out(STUBBORN, tmp_path / "pid", pid=tmp_path / "pid")
    assert ended(pid_in(tmp_path / "pid"))


def test_an_error_in_whoever_listens_ends_the_child(tmp_path):
    def on_line(line):
        raise RuntimeError(line)

    with pytest.raises(RuntimeError, match=r"^[0-9]+$") as raised:
        stream_python("import os, time; print(os.getpid(), flush=True); time.sleep(600)", cwd=tmp_path, on_line=on_line)
    assert ended(int(str(raised.value)))


@pytest.mark.parametrize("call", [run_python, stream_python])
def test_ctrl_c_in_the_parent_ends_the_child(tmp_path, call):
    def interrupt():
        pid_in(tmp_path / "pid")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        call(LIVES, tmp_path / "pid", cwd=tmp_path)
    thread.join()
    assert ended(pid_in(tmp_path / "pid"))


def parent(tmp_path, body):
    """Start a Python that runs `body` with `process` imported."""
    code = "import os, sys, io\nfrom pathlib import Path\nfrom jitbuild import process\n" + textwrap.dedent(body)
    return subprocess.Popen([PYTHON, "-c", code], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


STREAMS = "process.stream({argv!r}, env=dict(os.environ), cwd=Path('.'), log=io.BytesIO(), on_line=lambda line: None)"


def test_a_second_ctrl_c_does_not_save_a_child_that_ignores_sigterm(tmp_path):
    started = parent(tmp_path, STREAMS.format(argv=[PYTHON, "-c", STUBBORN, str(tmp_path / "pid")]))
    child = pid_in(tmp_path / "pid")
    started.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert is_alive(child)
    started.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in started.communicate(timeout=10)[1]
    assert ended(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_like_ctrl_c(tmp_path, number):
    body = f"""
        try:
            with process.unwinding():
                {STREAMS.format(argv=[PYTHON, "-c", LIVES, str(tmp_path / "pid")])}
        except process.Ended as ended:
            sys.exit(128 + ended.number)
    """
    started = parent(tmp_path, body)
    child = pid_in(tmp_path / "pid")
    started.send_signal(number)
    started.communicate(timeout=15)
    assert started.returncode == 128 + number
    assert ended(child)


def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    body = """
        import signal
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with process.unwinding():
            os.kill(os.getpid(), signal.SIGHUP)
        sys.exit(7)
    """
    started = parent(tmp_path, body)
    started.communicate(timeout=15)
    assert started.returncode == 7


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("make") is None, reason="Linux's PDEATHSIG, through make")
def test_killing_the_parent_ends_what_make_started(tmp_path):
    (tmp_path / "lives.py").write_text(LIVES)
    (tmp_path / "Makefile").write_text(f"all: one two\none two:\n\t{PYTHON} lives.py $@.pid\n")
    started = parent(tmp_path, STREAMS.format(argv=["make", "-j2"]))
    children = [pid_in(tmp_path / f"{name}.pid") for name in ("one", "two")]
    started.kill()
    started.communicate(timeout=10)
    assert all(ended(child) for child in children)


def test_a_program_that_replaces_this_one_heeds_sigpipe():
    # `yes` says on stderr that the pipe broke, unless SIGPIPE ends it first.
    code = "import os\nfrom jitbuild import process\nprocess.replace(['yes'], env=dict(os.environ))"
    piped = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" | head -n 1', PYTHON, code], capture_output=True, text=True, check=True, timeout=30
    )
    assert (piped.stdout, piped.stderr) == ("y\n", "")


def test_a_program_that_cannot_replace_this_one_leaves_it_as_it_was():
    before = signal.getsignal(signal.SIGPIPE)
    with pytest.raises(FileNotFoundError):
        process.replace(["jitbuild-has-no-such-program"], env={"PATH": "/none"})
    assert signal.getsignal(signal.SIGPIPE) == before


def test_children_of_other_threads_are_ended_too(tmp_path):
    results = []
    thread = threading.Thread(target=lambda: results.append(timed_out(LIVES, tmp_path / "pid", pid=tmp_path / "pid")))
    thread.start()
    thread.join()
    assert results
    assert ended(pid_in(tmp_path / "pid"))
