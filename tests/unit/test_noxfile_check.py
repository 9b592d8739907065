"""cli/noxfile_check.py: a CI file made from settings, beside a noxfile with other sessions."""

import json

import pytest
from reporters import RecordingReporter

from jitbuild.ci.matrix_sessions import product_of
from jitbuild.cli.noxfile_check import warn_of_other_sessions
from jitbuild.system.process import Completed

READ = "Read the sessions from the noxfile: --from-nox"


@pytest.fixture
def warnings(tmp_path):
    """Return the warnings for the sessions `ours`, with a nox that lists the sessions `theirs`."""

    def warnings(ours, theirs, *, text="import jitbuild.nox", selected=False, returncode=0):
        file = tmp_path / "noxfile.py"
        file.write_text(text)
        listing = json.dumps([{"session": each.session, "tags": ["jit"]} for each in theirs])
        done = Completed(argv=(), returncode=returncode, stdout=listing)
        reporter = RecordingReporter()
        warn_of_other_sessions(
            ours, str(file), reporter, selected=selected, runner=lambda *_, **__: done
        )
        return [text.replace(f"{tmp_path}/", "") for text in reporter.warnings]

    return warnings


ONE, BOTH = product_of(["3.15"], ["on"]), product_of(["3.15"], ["off", "on"])


def test_the_same_sessions_are_not_reported(warnings):
    assert warnings(BOTH, BOTH) == []


def test_a_session_that_the_noxfile_does_not_have_is_reported(warnings):
    assert warnings(BOTH, ONE) == [
        f"noxfile.py has no session `tests(3.15-jit-off)`, so its jobs would fail. {READ}"
    ]
    (said,) = warnings(BOTH, [])
    assert "no session `tests(3.15-jit-off)` or `tests(3.15-jit-on)`, so" in said
    (said,) = warnings(product_of(["3.14", "3.15"], ["off", "on", "stress"]), [])
    assert said.count("`") == 6
    assert " or 3 more, so" in said


def test_a_session_that_no_job_runs_is_reported_unless_the_user_selected(warnings):
    said = f"No job runs `tests(3.15-jit-off)`, which noxfile.py also has. {READ}"
    assert warnings(ONE, BOTH) == [said]
    assert warnings(ONE, BOTH, selected=True) == []


def test_a_noxfile_that_does_not_mention_jitbuild_is_not_examined(warnings):
    assert warnings(BOTH, [], text="import nox") == []


def test_a_noxfile_that_nox_cannot_load_is_reported(warnings):
    (said,) = warnings(BOTH, [], returncode=1)
    assert said.startswith("nox cannot load noxfile.py.")
