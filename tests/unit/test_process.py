"""Running programs, with fake children; tests/integration/test_process_real.py starts real ones."""

import contextvars
import io
import signal
import subprocess
import threading

import pytest
from processes import SECONDS, FakeSystem

from jitbuild.system import cancellation, process, process_group
from jitbuild.system.child_output import communicate

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
ARGV = ["tool", "--flag"]
MISSING = FileNotFoundError(2, "No such file or directory", "tool")


def fail_to_start(argv, **options):
    raise MISSING


def test_a_result_has_the_exit_code_and_the_decoded_output():
    system = FakeSystem(stdout="é".encode(), stderr=b"\xff", code=3)
    completed = process.run(ARGV, effects=system.effects)
    assert completed == process.Completed(
        argv=("tool", "--flag"), returncode=3, stdout="é", stderr="\N{REPLACEMENT CHARACTER}"
    )
    assert not completed.ok
    assert process.run(ARGV, effects=FakeSystem().effects).ok


def test_a_child_leads_a_group_of_its_own_with_the_given_environment(tmp_path):
    system = FakeSystem()
    process.run(ARGV, env={"A": "b"}, cwd=tmp_path, effects=system.effects)
    [child] = system.children
    assert child.args == ARGV
    assert child.options["start_new_session"] is True
    assert child.options["env"] == {"A": "b"}
    assert child.options["cwd"] == tmp_path
    assert child.options["stdin"] == subprocess.DEVNULL
    assert system.signals == []


def test_a_child_gets_its_input_and_its_pipes_are_closed():
    system = FakeSystem()
    process.run(ARGV, stdin="é", effects=system.effects)
    [child] = system.children
    with child.input as source:
        assert source.read() == "é".encode()
    assert child.stdin.closed
    assert child.stdout.closed
    assert child.stderr.closed


def test_a_child_need_not_read_its_input():
    system = FakeSystem()
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with process_group.start(ARGV, env=None, effects=system.effects, **pipes) as group:
        group.child.input.close()
        communicate(group.child, b"x" * 1000, timeout=SECONDS, most_bytes=99)
        assert group.child.stdin.closed  # closing it later could raise BrokenPipeError


def test_a_timeout_ends_the_group_and_is_reported():
    system = FakeSystem(hangs=True)
    completed = process.run(ARGV, timeout=0, effects=system.effects)
    assert completed.timed_out
    assert not completed.ok
    assert system.signals == [signal.SIGTERM, KILL]


@pytest.mark.parametrize("kind", ["stdout", "stderr"])
def test_a_program_that_prints_too_much_is_ended(kind):
    system = FakeSystem(**{kind: b"x" * 100}, hangs=True)
    completed = process.run(ARGV, most_output=99, effects=system.effects)
    assert not completed.ok
    assert completed.stderr == "it printed more than 99 B, the most that is read"
    assert system.signals == [signal.SIGTERM, KILL]


def test_a_group_that_ignores_sigterm_is_killed():
    system = FakeSystem(hangs=True, ignores=(signal.SIGTERM,))
    assert process.run(ARGV, timeout=0, effects=system.effects).timed_out
    assert system.signals == [signal.SIGTERM, KILL]
    assert system.children[0].returncode == -KILL


def test_a_program_that_cannot_be_started_raises_oserror(tmp_path):
    effects = process.ProcessEffects(popen=fail_to_start)
    with pytest.raises(FileNotFoundError):
        process.run(ARGV, effects=effects)
    with pytest.raises(FileNotFoundError):
        process.record(ARGV, env={}, log=io.BytesIO(), effects=effects)
    with pytest.raises(FileNotFoundError):
        process.stream(ARGV, env={}, cwd=tmp_path, log=io.BytesIO(), on_line=print, effects=effects)


def test_a_missing_tool_gives_no_result():
    def runner(argv, **options):
        raise MISSING

    assert process.run_if_available(ARGV, runner=runner) is None


def test_an_available_tool_gives_its_result():
    completed = process.Completed(argv=("tool",), returncode=1)
    calls = []

    def runner(argv, **options):
        calls.append((argv, options))
        return completed

    assert process.run_if_available(ARGV, env={"A": "b"}, timeout=5, runner=runner) is completed
    assert calls == [(ARGV, {"env": {"A": "b"}, "timeout": 5})]


# streaming


def test_streamed_output_goes_to_the_log_and_line_by_line_to_the_caller(tmp_path):
    system = FakeSystem(stdout=b"one\ntwo \xff\n", code=4)
    log, lines = io.BytesIO(), []
    code = process.stream(
        ARGV,
        env={},
        cwd=tmp_path,
        log=log,
        on_line=lines.append,
        pass_fds=(7,),
        effects=system.effects,
    )
    assert code == 4
    assert log.getvalue() == b"one\ntwo \xff\n"
    assert lines == ["one", "two \N{REPLACEMENT CHARACTER}"]
    [child] = system.children
    assert child.options["pass_fds"] == (7,)
    assert child.options["stderr"] == subprocess.STDOUT


def test_an_error_of_the_caller_ends_the_group(tmp_path):
    system = FakeSystem(stdout=b"one\n", hangs=True)

    def on_line(line):
        raise ValueError(line)

    with pytest.raises(ValueError, match="one"):
        process.stream(
            ARGV, env={}, cwd=tmp_path, log=io.BytesIO(), on_line=on_line, effects=system.effects
        )
    assert system.signals == [signal.SIGTERM, KILL]
    assert system.children[0].stdout.closed


# recording


def test_recorded_output_goes_to_the_log_and_the_rest_of_the_group_is_killed():
    system = FakeSystem(stdout=b"output", code=5)
    log = io.BytesIO()
    completed = process.record(ARGV, env={}, log=log, timeout=SECONDS, effects=system.effects)
    assert completed == process.Completed(argv=tuple(ARGV), returncode=5)
    assert log.getvalue() == b"output"
    assert system.signals == [KILL]


def test_a_program_is_recorded_without_a_timeout():
    completed = process.record(ARGV, env={}, log=io.BytesIO(), effects=FakeSystem(code=1).effects)
    assert (completed.returncode, completed.timed_out) == (1, False)


def test_a_recorded_program_that_times_out_is_ended():
    system = FakeSystem(hangs=True)
    completed = process.record(ARGV, env={}, log=io.BytesIO(), timeout=0, effects=system.effects)
    assert completed.timed_out
    assert system.signals[:2] == [signal.SIGTERM, KILL]


# cancellation


def run_in_thread(system):
    """Run a program in a thread of the current context; return the thread and its exceptions."""
    raised = []

    def target():
        try:
            process.run(ARGV, effects=system.effects)
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(target,))
    thread.start()
    return thread, raised


@pytest.mark.parametrize("ignores", [(), (signal.SIGTERM,)])
def test_cancelling_a_task_group_ends_its_children(ignores):
    system = FakeSystem(hangs=True, ignores=ignores)
    with cancellation.task_group() as group:
        thread, raised = run_in_thread(system)
        assert system.waiting.wait(SECONDS)
        group.cancel()
    thread.join(SECONDS)
    assert [type(error) for error in raised] == [cancellation.Cancelled]
    assert system.signals[:2] == [signal.SIGTERM, KILL]


def test_cancelling_a_task_group_ends_the_children_of_its_subgroups():
    system = FakeSystem(hangs=True)
    with cancellation.task_group() as group, cancellation.task_group() as subgroup:
        thread, raised = run_in_thread(system)
        assert system.waiting.wait(SECONDS)
        group.cancel()
        assert subgroup.cancelled
    thread.join(SECONDS)
    assert [type(error) for error in raised] == [cancellation.Cancelled]


def test_an_error_in_a_task_group_ends_its_children():
    system, results = FakeSystem(hangs=True), []

    def start_and_fail():
        results.append(run_in_thread(system))
        assert system.waiting.wait(SECONDS)
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"), cancellation.task_group():
        start_and_fail()
    [(thread, raised)] = results
    thread.join(SECONDS)
    assert [type(error) for error in raised] == [cancellation.Cancelled]


def test_a_child_that_starts_while_its_group_is_cancelled_is_ended():
    system = FakeSystem(hangs=True)
    with cancellation.task_group() as group:

        def cancel_and_start(argv, **options):
            group.cancel()
            return system.popen(argv, **options)

        effects = process.ProcessEffects(popen=cancel_and_start, signal_group=system.signal_group)
        with pytest.raises(cancellation.Cancelled):
            process.run(ARGV, effects=effects)
    assert system.signals == [signal.SIGTERM, KILL]
