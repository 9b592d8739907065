"""The fraction and the time left of make, from the lines of its output."""

from __future__ import annotations

import pytest
from reporters import RecordingReporter

from jitbuild.building.step_progress import StepProgress, count_files

COMPILE = "gcc -c -O3 -I./Include  -DPy_BUILD_CORE -o Objects/{0}.o ./Objects/{0}.c"
DRY_RUN = [
    COMPILE.format("a"),
    "./python -E -c 'import sys'",
    "/usr/bin/install -c -m 644 ./Lib/os.py /lib/python3.13",
    "g++ -c Modules/x.cpp",
    "gcc -c Python/asm_trampoline.S",
]


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Progress:
    """A StepProgress whose reports can be read."""

    def __init__(self, **options: int) -> None:
        self.clock, self.reporter = Clock(), RecordingReporter()
        with self.reporter.stage("make") as stage:
            self.step = StepProgress(stage, clock=self.clock, **options)

    def compile(self, count: int, *, seconds: float = 1.0) -> str:
        """Compile `count` files, the first of which has the name 0; return the last detail."""
        for number in range(count):
            self.step.line(COMPILE.format(number))
            self.clock.now += seconds
        return self.reporter.details[-1]


def test_the_files_that_make_would_compile_are_counted():
    assert count_files(DRY_RUN) == 3
    assert count_files([]) == 0


def test_the_fraction_is_shown_from_the_first_file_and_the_time_left_once_it_is_known():
    progress = Progress(files=40)
    assert progress.compile(1) == "1 of 40 files, Objects/0.c"
    assert progress.reporter.progress[-1] == (0, 40)
    progress = Progress(files=40)
    assert progress.compile(3) == "3 of 40 files, Objects/2.c"
    assert progress.compile(8) == "≈ 30 s left, 11 of 40 files, Objects/7.c"
    assert progress.reporter.progress[-1] == (10, 40)


def test_other_lines_are_shown_after_the_fraction():
    progress = Progress(files=2)
    progress.step.line("rm -f libpython3.13.a")
    assert progress.reporter.details == ["rm -f libpython3.13.a"]
    progress.compile(2)
    progress.step.line("gcc -o python Programs/python.o " + "x" * 100)
    assert progress.reporter.details[-1] == (
        "2 of 2 files, gcc -o python Programs/python.o " + "x" * 28
    )


@pytest.mark.parametrize("files", [0, 3])
def test_a_number_of_files_that_is_unknown_or_wrong_is_not_shown(files):
    progress = Progress(files=files)
    assert progress.compile(10, seconds=60) == "Objects/9.c"
    assert progress.reporter.progress[-1] == (10, None)


def test_the_time_left_of_a_build_with_pgo_is_known_only_in_the_second_pass():
    progress = Progress(files=40, passes=2)
    assert progress.compile(39) == "pass 1 of 2, 39 of 40 files, Objects/38.c"
    progress.clock.now += 600
    progress.step.line("0:00:10 load avg: 1.50 [12/43] test_float")
    assert progress.reporter.details[-1].endswith("0:00:10 load avg: 1.50 [12/43] test_float")
    assert progress.compile(11) == "≈ 30 s left, pass 2 of 2, 11 of 40 files, Objects/10.c"
    assert progress.reporter.progress[-1] == (50, 80)


def test_the_modules_that_are_installed_are_counted_before_they_are_compiled():
    progress = Progress()
    for name in ("os", "re", "json/decoder", "abc"):
        progress.step.line(f"/usr/bin/install -c -m 644 ./Lib/{name}.py /x/lib/python3.13/{name}")
    progress.step.line("Listing '/stage/x/lib/python3.13'...")
    progress.step.line("Compiling '/stage/x/lib/python3.13/os.py'...")
    assert progress.reporter.details[-1] == "1 of 4 modules, os.py"
    progress.clock.now += 4
    progress.step.line("Compiling '/stage/x/lib/python3.13/re.py'...")
    assert progress.reporter.details[-1] == "≈ 12 s left, 2 of 4 modules, re.py"
