"""A verdict needs the interpreter, in the mode, and machine code."""

from types import SimpleNamespace

import msgspec
import pytest
from witness_samples import end_facts, other_python, verdict_fields, witness

from jitbuild.running.escape_reasons import EscapeReason
from jitbuild.running.tally import InterpreterIdentity, tally
from jitbuild.running.witness_verdict import caveats, nothing_compiled, refusal

OURS = InterpreterIdentity.of(SimpleNamespace(**verdict_fields()))
REASON = EscapeReason("It is a shim.", "Remove it.")


def count(mode, *testimonies):
    return tally(mode, testimonies, OURS)


@pytest.mark.parametrize(
    ("counts", "part"),
    [
        (count("on"), "In mode on, the command ran no process of Python 3.15.2"),
        (count("on", other_python()), "ran: 3.11.7 (/usr/bin/python3.11): 1. It is a shim."),
        (count("off", witness(on=True)), "The mode off did not reach the command"),
        (count("on", witness(), witness()), "3.15.2 (2), the JIT was off. It is a shim."),
        (count("stress", witness(on=True)), "the JIT was on without PYTHON_JIT_STRESS."),
    ],
)
def test_a_mode_that_reached_no_process_allows_no_verdict(counts, part):
    refused = refusal(counts, REASON)
    assert part in refused.what
    assert refused.remedy == "Remove it."


def test_a_mode_that_reached_some_processes_allows_a_verdict_with_a_caveat():
    off, on = count("off", witness()), count("on", witness(on=True), witness())
    assert refusal(off, REASON) is None
    assert refusal(on, REASON) is None
    assert list(caveats([off, on])) == [
        "The mode on did not reach 1 of 2 processes of Python 3.15.2: they had another PYTHON_JIT."
    ]


def test_other_pythons_are_named_with_their_numbers():
    off = count("off", witness(), other_python())
    on = count("on", witness(on=True), other_python(), other_python("3.12.1", "/p/python"))
    (caveat,) = caveats([off, on])
    assert caveat == (
        "Some processes were of another Python, which runs the same in every mode: "
        "3.11.7 (/usr/bin/python3.11), 3.12.1 (/p/python) (1 of 2 in mode off, 2 of 3 in mode on)."
    )


def test_a_child_that_crashes_in_one_mode_only_is_noticed_although_its_parent_ignores_it():
    off = count("off", witness(), witness())
    on = count("on", witness(on=True), witness(on=True, ended=False))
    (caveat,) = caveats([off, on])
    assert caveat == (
        "The modes differ in the number of processes that did not end by themselves, for example "
        "because they crashed: none in mode off, 1 in mode on."
    )
    killed_in_both = count("off", witness(), witness(ended=False))
    assert list(caveats([killed_in_both, on])) == []


def test_testimonies_that_were_not_read_are_counted_apart():
    off = count("off", witness())
    on = msgspec.structs.replace(count("on", witness(ended=False)), left_out=7)
    assert on.sentence.startswith("mode on: more than 1 process of 3.15.2")
    caveat, missed = caveats([off, on])
    assert caveat.startswith("In mode on, 7 more processes testified, but were not counted")
    assert "did not reach 1 of 1" in missed


def test_machine_code_in_one_process_is_enough():
    assert nothing_compiled([count("on", witness(on=True), witness(on=True, executors=1))]) is None
    assert nothing_compiled([count("off", witness()), count("default", witness())]) is None


def test_without_machine_code_the_likely_reason_is_given():
    short = nothing_compiled([count("on", witness(on=True))])
    assert short.certain
    assert "after about 4000 iterations" in short.sentence
    killed = nothing_compiled([count("on", witness(on=True), witness(on=True, ended=False))])
    assert not killed.certain
    assert "may say nothing about the JIT: 1 process ended" in killed.sentence
    traced = witness(on=True)
    traced = type(traced)(
        start=traced.start,
        end=end_facts(enabled=True, tracers=("sys.settrace",)),
    )
    sentence = nothing_compiled([count("on", traced)]).sentence
    assert "sys.settrace was set" in sentence
    assert "(for coverage, set COVERAGE_CORE=sysmon)" in sentence


def test_pythons_that_could_not_testify_are_named():
    off = count("off", witness())
    parent = witness(on=True)
    commands = tuple(f"python -I {number}.py" for number in range(5))
    end = end_facts(enabled=True, executors=1, unseen=commands)
    on = count("on", type(parent)(start=parent.start, end=end))
    (caveat,) = caveats([off, on])
    assert caveat.endswith("python -I 0.py, python -I 1.py, python -I 2.py and others.")
