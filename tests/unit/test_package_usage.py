"""How much of the packages under test was compiled, by mode."""

import pytest
from diff_samples import usage_line

from jitbuild.diff.command_run import CommandRun
from jitbuild.diff.package_usage import package_not_compiled, package_usage, usage_notes
from jitbuild.diff.test_record import parse_records

MODES = ("off", "on")


def run(mode, *lines):
    record = parse_records("".join(lines))
    return CommandRun(mode=mode, round=1, returncode=0, seconds=1.0, usage=record.usage)


def test_a_function_counts_once_with_its_largest_numbers_in_all_runs_of_a_mode():
    runs = [
        run("off", usage_line("p", plain=["p.f", "p.g"])),
        run("on", usage_line("p", plain=["p.f", "p.g", "tests.t"])),
        run("on", usage_line("p", compiled=["p.f"]), usage_line("p", plain=["p.f", "p.h"])),
    ]
    off, on = package_usage(runs, MODES)
    assert off.to_json() == {
        "p": {"code_objects": 2, "compiled": 0, "executors": 0, "machine_code_bytes": 0}
    }
    assert on.to_json() == {
        "p": {"code_objects": 3, "compiled": 1, "executors": 1, "machine_code_bytes": 4096}
    }
    assert on.packages[0].sentence == "of your package p, 1 of 3 functions got machine code"
    assert package_not_compiled((off, on), "3.15.2") is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (usage_line("p", plain=["p.f"]), "after about 4000 iterations"),
        (usage_line("p", plain=["p.f"], tracers=["sys.settrace"]), "sys.settrace was set"),
        (usage_line("p"), "use --package NAME"),
    ],
)
def test_a_package_of_which_nothing_was_compiled_has_a_reason(line, reason):
    usage = package_usage([run("off", line), run("on", line)], MODES)
    nothing = package_not_compiled(usage, "3.15.2")
    assert nothing.sentence.startswith(
        "No function of your package p got machine code, so this may say nothing about the JIT: "
    )
    assert reason in nothing.reason


def test_several_packages_are_named():
    usage = package_usage([run("on", usage_line("p", "q", plain=["p.f"]))], MODES)
    assert "your packages p, q got" in package_not_compiled(usage, "3.15.2").sentence
    assert usage[0].packages[1].sentence == "of your package q, no function was imported"


def test_without_a_mode_with_the_jit_nothing_is_concluded():
    usage = package_usage([run("off", usage_line("p", plain=["p.f"]))], ("off", "default"))
    assert package_not_compiled(usage, "3.15.2") is None
    assert usage_notes(usage, ("off", "default"), pytest=True) == ()


def test_executors_count_in_a_build_that_interprets_micro_ops():
    line = usage_line("p", plain=["p.g"], built="interpreter").replace("1, 0, 0]", "1, 2, 0]")
    (usage,) = package_usage([run("on", line)], ("on",))
    assert usage.compiled


def test_what_is_unknown_is_said():
    off = run("off", usage_line("p", plain=["p.f"]))
    crashed = run("on")
    (note,) = usage_notes(package_usage([off, crashed], MODES), MODES, pytest=True)
    assert note.startswith("It is unknown how much of your package got machine code in mode on")
    none = package_usage([run("off", usage_line()), run("on", usage_line())], MODES)
    (note,) = usage_notes(none, MODES, pytest=True)
    assert "--package NAME" in note
    assert usage_notes((), MODES, pytest=False) == ()
    assert package_not_compiled(none, "3.15.2") is None
