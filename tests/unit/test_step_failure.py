"""The lines of a failed step that its message shows."""

from pathlib import Path

from jitbuild.building.step_failure import StepOutput, relevant_lines, step_failure
from jitbuild.planning.step import Step

STEP = Step(name="install", argv=("make", "altinstall"))
FAILURE = [
    "Traceback (most recent call last):",
    '  File "Lib/ensurepip/__init__.py", line 5, in <module>',
    "FileNotFoundError: [Errno 2] No such file or directory: 'x.whl'",
    "make: *** [Makefile:2342: altinstall] Error 1",
]
COMPILING = [f"Compiling '/stage/lib/python3.13/errors{n}.py'..." for n in range(5000)]


def lines_of(*lines):
    output = StepOutput()
    for line in lines:
        output.add(line)
    return output.lines


def test_a_failing_line_is_shown_although_thousands_of_lines_follow():
    lines = lines_of(*FAILURE, *COMPILING, "make: *** Waiting for unfinished jobs....")
    assert relevant_lines(lines) == [*FAILURE[2:], "make: *** Waiting for unfinished jobs...."]
    message = str(step_failure(STEP, 2, lines, log=Path("/x.log"), advice=()))
    assert "FileNotFoundError" in message
    assert "Compiling" not in message


def test_progress_of_compileall_is_no_error_whatever_the_file_is_called():
    progress = ["Listing '/stage/No such file'...", "Compiling '/stage/Error: x.py'..."]
    assert relevant_lines([*progress, "make: *** [altinstall] Error 1"]) == [
        "make: *** [altinstall] Error 1"
    ]


def test_without_an_error_the_last_lines_are_shown():
    lines = lines_of(*COMPILING)
    assert len(lines) == 400
    assert relevant_lines(lines) == COMPILING[-12:]


def test_an_exception_without_a_message_counts():
    assert relevant_lines(["checking", "KeyboardInterrupt", "done"]) == ["KeyboardInterrupt"]
