"""Processes are counted by interpreter, mode and machine code."""

from types import SimpleNamespace

import pytest
from witness_samples import PREFIX, end_facts, other_python, start_facts, verdict_fields, witness

from jitbuild.running.tally import InterpreterIdentity, tally
from jitbuild.running.testimony import Testimony

OURS = InterpreterIdentity.of(SimpleNamespace(**verdict_fields()))


def test_an_identity_comes_from_the_probe():
    assert (OURS.version, OURS.base_prefix, OURS.debug) == ("3.15.2", PREFIX, False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"executable": "/venv/bin/python"}, True),  # an environment has the same base prefix
        ({"executable": "", "base_executable": ""}, True),  # a program that embeds it
        ({"version": "3.15.1"}, False),
        ({"base_prefix": "/usr"}, False),
        ({"debug": True}, False),
        ({"free_threaded": True}, False),  # python3.15t beside python3.15, with the same prefix
        ({"implementation": "pypy"}, False),
    ],
)
def test_a_process_is_recognised_by_version_prefix_and_build(fields, expected):
    assert OURS.matches(witness(**fields)) == expected


@pytest.mark.parametrize(
    ("built", "switch", "enabled", "expected"),
    [
        ("yes-off", "1", None, True),
        ("yes-off", "01", None, False),
        ("yes-off", "", None, False),
        ("yes", "", None, True),
        ("yes", "0", None, False),
        ("yes", "false", None, True),
        ("no", "1", None, False),
        ("yes-off", "1", False, False),  # what the process said at its end decides
        ("yes", "0", True, True),
    ],
)
def test_the_state_of_the_jit_is_what_cpython_does(built, switch, enabled, expected):
    identity = InterpreterIdentity.of(SimpleNamespace(**verdict_fields(built=built)))
    one = Testimony(start=start_facts(switch=switch), end=end_facts(enabled=enabled))
    assert identity.jit_enabled(one) == expected


def test_a_free_threaded_process_never_has_the_jit():
    fields = verdict_fields(free_threaded=True, built="yes")
    identity = InterpreterIdentity.of(SimpleNamespace(**fields))
    one = witness(on=True, free_threaded=True)
    assert identity.matches(one)
    assert not identity.jit_enabled(one)


@pytest.mark.parametrize(
    ("mode", "one", "expected"),
    [
        ("off", witness(on=False), 1),
        ("off", witness(on=True), 0),
        ("on", witness(on=True), 1),
        ("stress", witness(on=True), 0),
        ("stress", witness(on=True, stress="1"), 1),
        ("default", witness(on=True), 1),
    ],
)
def test_a_mode_has_reached_a_process_if_its_variables_have(mode, one, expected):
    assert tally(mode, [one], OURS).in_mode == expected


def test_a_mode_is_counted_in_one_sentence():
    many = [*[witness(on=True, executors=2)] * 9, *[witness(on=True)] * 5]
    on = tally("on", many, OURS)
    assert on.sentence == "mode on: 14 processes, all 3.15.2, JIT on; machine code in 9"
    off = tally("off", [witness()], OURS)
    assert off.sentence == "mode off: 1 process of 3.15.2, JIT off"
    mixed = tally("on", [witness(on=True), witness(), other_python()], OURS)
    assert mixed.sentence == (
        "mode on: 3 processes, 2 of 3.15.2, JIT on in 1, off in 1; machine code in none"
    )
    foreign = tally("on", [other_python()] * 2, OURS)
    assert foreign.sentence == "mode on: 2 processes of 3.11.7 (/usr/bin/python3.11)"
    assert tally("on", [], OURS).sentence == "mode on: 0 processes of Python"


def test_processes_that_did_not_say_are_counted_apart():
    killed = witness(on=True, ended=False)
    replaced = Testimony(start=killed.start, replaced=True)
    uncounted = Testimony(start=killed.start, end=end_facts(enabled=True, executors=None))
    counts = tally("on", [killed, replaced, uncounted, witness(on=True, executors=1)], OURS)
    assert (counts.processes, counts.enabled, counts.compiled, counts.unknown) == (4, 4, 1, 2)
    assert counts.cut_off == 1


@pytest.mark.parametrize("fields", [{"built": "no"}, {"built": "yes", "free_threaded": True}])
def test_an_interpreter_without_the_jit_surely_compiles_nothing(fields):
    identity = InterpreterIdentity.of(SimpleNamespace(**verdict_fields(**fields)))
    free_threaded = fields.get("free_threaded", False)
    one = witness(on=True, ended=False, free_threaded=free_threaded)
    counts = tally("on", [one], identity)
    assert (counts.processes, counts.unknown, counts.cut_off) == (1, 0, 0)


def test_micro_ops_count_where_they_are_interpreted():
    identity = InterpreterIdentity.of(SimpleNamespace(**verdict_fields(built="interpreter")))
    end = end_facts(enabled=True, executors=2)
    without_code = Testimony(
        start=start_facts(switch="1"),
        end=type(end)(enabled=True, executors=2, machine_code=0, mappings=0, tracers=(), unseen=()),
    )
    assert identity.has_compiled(without_code)
    assert not OURS.has_compiled(without_code)


def test_mapped_machine_code_counts_although_its_executors_are_gone():
    """CPython discards executors at the end of a script, when it deletes __file__."""
    discarded = Testimony(start=start_facts(switch="1"), end=end_facts(enabled=True, mappings=1))
    assert OURS.has_compiled(discarded)
    assert not OURS.is_unknown(discarded)
    # With the JIT off, it is the machine code of something else, such as an extension module.
    off = Testimony(start=start_facts(switch="0"), end=end_facts(enabled=False, mappings=1))
    assert not OURS.has_compiled(off)


def test_without_a_list_of_mappings_it_is_unknown_if_code_was_compiled():
    unlisted = end_facts(enabled=True, mappings=None)
    assert OURS.is_unknown(Testimony(start=start_facts(switch="1"), end=unlisted))
    off = end_facts(enabled=False, mappings=None)
    assert not OURS.is_unknown(Testimony(start=start_facts(switch="0"), end=off))
    found = end_facts(enabled=True, executors=1, mappings=None)
    assert not OURS.is_unknown(Testimony(start=start_facts(switch="1"), end=found))


def test_the_json_has_every_count():
    counts = tally("on", [witness(on=True, executors=1), other_python()], OURS)
    assert counts.to_json() == {
        "processes": 1,
        "in_mode": 1,
        "jit_on": 1,
        "jit_off": 0,
        "machine_code": 1,
        "unknown": 0,
        "cut_off": 0,
        "tracers": [],
        "unseen": [],
        "others": [
            {
                "implementation": "cpython",
                "version": "3.11.7",
                "executable": "/usr/bin/python3.11",
                "processes": 1,
            }
        ],
        "left_out": 0,
    }
