"""The job budget with real makes: together they keep to its limit, and every job comes back.

JITBUILD_TEST_MAKES names further makes to try, separated as in PATH.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
from processes import read_pid, wait_until, wait_until_ended

from jitbuild.system import process
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.progress import SilentReporter

MAKES = [
    "make",
    *filter(None, [shutil.which("gmake")]),
    *filter(None, os.environ.get("JITBUILD_TEST_MAKES", "").split(os.pathsep)),
]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.name != "posix" or shutil.which("make") is None, reason="POSIX, with make"
    ),
]

# Each recipe records its start and its end. Appending one short line to a file is one write.
NOTES = """
recipes := $(foreach number,1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20,recipe-$(number))
all: $(recipes)
$(recipes):
\t@echo start >> $(NOTES); sleep 0.03; echo end >> $(NOTES)
# Like CPython's profile-opt: stages that are makes of their own.
staged:
\t$(MAKE) half-1
\t$(MAKE) half-2 NOTES=$(NOTES)
half-1: $(wordlist 1,10,$(recipes))
half-2: $(wordlist 11,20,$(recipes))
two: two-1 two-2
two-1 two-2: two-%:
\t$(MAKE) half-$*
fails: $(recipes)
\t@exit 3
fails-early: $(recipes) broken
broken:
\t@exit 3
"""

# Recipes that succeed only when all of them run at once.
MEET = """
all: $(WHO)
$(WHO):
\t@touch here-$@; for other in $(ALL); do \\
\t\tn=0; until test -e here-$$other; do \\
\t\t\tsleep 0.02; n=$$((n + 1)); test $$n -lt 30000 || exit 1; \\
\t\tdone; \\
\tdone
"""

# Recipes that run until they are ended, and write their pids. Nothing waits for their output.
LIVES = """
all: $(WHO)
$(WHO):
\t@exec > /dev/null 2>&1; echo $$$$ > tmp-$@; mv tmp-$@ pid-$@; exec sleep 600
"""


@pytest.fixture(params=MAKES)
def make(request, tmp_path):
    return Make(request.param, tmp_path)


class Make:
    """Runs a make in the folder, in a share of a budget."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.notes = folder / "notes"

    def write(self, makefile):
        (self.folder / "Makefile").write_text(makefile)

    def __call__(self, budget, *goals):
        log = io.BytesIO()
        with budget.share() as share:
            code = process.stream(
                [self.program, *goals, f"NOTES={self.notes}"],
                env={"PATH": os.environ["PATH"], **share.make_environment()},
                cwd=self.folder,
                log=log,
                on_line=lambda _line: None,
                pass_fds=share.pass_fds,
            )
        return code, log.getvalue().decode()

    def at_once(self, budget, *calls):
        return run_concurrently(
            *[lambda _reporter, goals=goals: self(budget, *goals) for goals in calls],
            reporter=SilentReporter(),
        )

    def most(self):
        """Return how many recipes ran at once at most, and how many ran in total."""
        running, most, count = 0, 0, 0
        for word in self.notes.read_text().split():
            running += 1 if word == "start" else -1
            count += word == "start"
            most = max(most, running)
        return most, count

    def pid(self, name):
        return read_pid(self.folder / f"pid-{name}")


def free(budget):
    with budget.share(at_most=1000) as share:
        return share.jobs


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


COMPLAINTS = ("warning", "jobserver", "forced", "Error", "***")


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize(
    "goals", [("all", "all"), ("all", "staged"), ("two", "staged", "all")], ids="+".join
)
def test_concurrent_makes_never_run_more_recipes_than_the_budget_has_jobs(make, jobs, goals):
    make.write(NOTES)
    with JobBudget(jobs) as budget:
        results = make.at_once(budget, *[(goal,) for goal in goals])
        assert free(budget) == jobs
    assert [code for code, _ in results] == [0] * len(goals)
    for _, said in results:
        # The options of a sub-make may be printed, but no complaint.
        assert not any(complaint in said for complaint in COMPLAINTS), said
    most, count = make.most()
    assert count == 20 * len(goals)
    assert most <= jobs


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_a_single_make_can_use_all_jobs(make, jobs):
    make.write(MEET)
    names = " ".join(map(str, range(jobs)))
    with JobBudget(jobs) as budget:
        assert make(budget, f"WHO={names}", f"ALL={names}") == (0, "")
        assert free(budget) == jobs


def test_two_makes_run_at_once_in_a_budget_of_two(make):
    make.write(MEET)
    with JobBudget(2) as budget:
        assert make.at_once(budget, ("WHO=1", "ALL=1 2"), ("WHO=2", "ALL=1 2")) == (
            (0, ""),
            (0, ""),
        )


def test_a_make_does_not_use_jobs_that_are_held_elsewhere(make):
    make.write(NOTES)
    with JobBudget(3) as budget, budget.share(2) as other:
        assert other.jobs == 2
        assert make(budget, "two")[0] == 0
    assert make.most() == (1, 20)


@pytest.mark.parametrize("goal", ["fails", "fails-early"])
def test_all_jobs_come_back_from_a_failed_make(make, goal):
    make.write(NOTES)
    with JobBudget(3) as budget:
        (code, _), (other, _) = make.at_once(budget, (goal,), ("all",))
        assert (code, other) == (2, 0)
        assert free(budget) == 3
        assert make.most()[0] <= 3


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_all_jobs_come_back_from_a_killed_make(make):
    make.write(LIVES)
    with JobBudget(3) as budget:
        results = []
        thread = threading.Thread(target=lambda: results.append(make(budget, "WHO=a b c")))
        thread.start()
        pids = [make.pid(name) for name in "abc"]
        # Two of the three jobs are with the make itself, and are lost with it.
        os.kill(parent_of(pids[0]), signal.SIGKILL)
        thread.join()
        assert results[0][0] == -signal.SIGKILL
        assert free(budget) == 3
        # Its recipes still run in their group, which no process waits for.
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_other_makes_continue_with_the_remaining_jobs_after_one_is_killed(make):
    make.write(LIVES + NOTES.replace("all:", "noting:"))
    with JobBudget(3) as budget:
        with budget.share() as other:
            other.make_environment()  # a make that runs all the time
            results = []
            thread = threading.Thread(target=lambda: results.append(make(budget, "all", "WHO=a b")))
            thread.start()
            pids = [make.pid(name) for name in "ab"]
            os.kill(parent_of(pids[0]), signal.SIGKILL)
            thread.join()
            # One of three was lost, one is held.
            assert free(budget) == 1
            assert make(budget, "noting")[0] == 0
            assert make.most() == (1, 20)
        assert free(budget) == 3
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def test_all_jobs_come_back_when_a_task_group_is_cancelled(make):
    make.write(LIVES)
    with JobBudget(3) as budget:

        def fails(_reporter):
            for name in "abc":
                make.pid(name)
            raise ValueError("x")

        with pytest.raises(ValueError, match="x"):
            run_concurrently(lambda _: make(budget, "WHO=a b c"), fails, reporter=SilentReporter())
        wait_until_ended(*map(make.pid, "abc"))
        assert free(budget) == 3


def test_a_waiting_thread_gets_a_job_while_a_make_could_use_all(make):
    make.write(NOTES)
    got = threading.Event()

    def late(_reporter):
        wait_until(make.notes.exists, "a recipe runs")
        with budget.share():
            got.set()

    with JobBudget(2) as budget:
        run_concurrently(lambda _: make(budget, "all"), late, reporter=SilentReporter())
        assert got.is_set()
        assert free(budget) == 2
