"""Tests of the verdict: one word and one sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench_fakes import report

from jitbuild.bench import conclusions, stats
from jitbuild.bench.report import compare_samples, mean_of
from jitbuild.bench.stats import Sample
from jitbuild.running.tally import ModeTally

QUICK = "These programs say little about your own: measure it with `-- COMMAND`."


@pytest.mark.parametrize(
    ("measured", "advice", "sentence"),
    [
        (report(1.31, kind="command"), "on", "Turn it on: 1.31x (1.31-1.31) on your command."),
        (
            report(1.001, kind="stmt"),
            "no difference",
            (
                "No difference of 2.0% or more on your statement: 1.00x (1.00-1.00). This says "
                "little about a whole program: measure it with `-- COMMAND`."
            ),
        ),
        (
            report(0.9, kind="command"),
            "off",
            "Leave it off: 11.1% slower, 0.90x (0.90-0.90), on your command.",
        ),
        (
            report(1.5, 1.2, 0.9),
            "on",
            (
                "Faster with the JIT on: 1.17x (1.17-1.17) over 3 small programs. But 1 slower; "
                f"the slowest is calls (0.90x). {QUICK}"
            ),
        ),
        (
            report(0.9, 0.625),
            "off",
            (
                "With the JIT on: 33.3% slower, 0.75x (0.75-0.75), over 2 small programs; the "
                f"slowest is lists (0.62x). {QUICK}"
            ),
        ),
        (
            report(1.25, 0.8),
            "no difference",
            (
                "No difference of 2.0% or more over 2 small programs: 1.00x (1.00-1.00). But 1 "
                "faster, 1 slower, 0 unchanged; the fastest is float_loop (1.25x); the slowest is "
                f"lists (0.80x). {QUICK}"
            ),
        ),
        (
            report(1.25, 0.8, kind="pytest"),
            "no difference",
            (
                "No difference of 2.0% or more over 2 tests: 1.00x (1.00-1.00). But 1 "
                "faster, 1 slower, 0 unchanged; the "
                "fastest is float_loop (1.25x); the slowest is lists (0.80x)."
            ),
        ),
        (
            report(1.5, 1.2, kind="suite"),
            "on",
            (
                "Faster with the JIT on: 1.34x (1.34-1.34) over 2 benchmarks of pyperformance. "
                "These benchmarks say little about your own program: measure it with `-- COMMAND`."
            ),
        ),
        (
            report(1.5),
            "on",
            f"Faster with the JIT on: 1.50x (1.50-1.50) on the small program float_loop. {QUICK}",
        ),
        (
            report(1.5, 1.2, kind="pytest"),
            "on",
            "Turn it on: 1.34x (1.34-1.34) over 2 tests.",
        ),
        (
            report(1.5, rounds=2),
            "not enough data",
            "Not enough data for a verdict: at least 3 rounds are needed.",
        ),
        (
            report(1.5, comparison="files"),
            "faster",
            "b is faster than a: 1.50x (1.50-1.50) on float_loop.",
        ),
        (
            report(1.0, 1.0, comparison="files"),
            "no difference",
            "b and a: no difference of 2.0% or more over 2 benchmarks: 1.00x (1.00-1.00).",
        ),
        (
            report(1.0, comparison="again"),
            "no difference",
            (
                "Off against off: no difference. The noise floor of this machine is 0.0%; smaller "
                "differences do not count here."
            ),
        ),
    ],
)
def test_the_verdict_is_a_word_and_a_sentence(measured, advice, sentence):
    assert conclusions.advice(measured) == advice
    assert conclusions.sentence(measured) == sentence


COMMAND = {"kind": "command", "version": "3.15.2"}


@pytest.mark.parametrize(
    ("measured", "is_advice"),
    [
        (report(1.31, kind="command"), True),
        (report(0.8, kind="pytest"), True),
        (report(1.0, kind="command"), False),
        (report(1.31, kind="quick"), False),
        (report(1.31, kind="suite"), False),
        (report(1.31, kind="stmt"), False),
        (report(1.31, about=COMMAND | {"profile": "fast"}), False),
        (report(0.8, about=COMMAND | {"profile": "fast"}), True),
        (report(0.8, about=COMMAND | {"profile": "debug"}), False),
        (report(1.31, comparison="files"), False),
        (report(1.31, comparison="again", kind="command"), False),
    ],
)
def test_a_mode_is_recommended_only_for_the_persons_own_program(measured, is_advice):
    assert conclusions.is_advice(measured) is is_advice
    recommends = conclusions.sentence(measured).startswith(("Turn it on", "Leave it off"))
    assert recommends is is_advice


@pytest.mark.parametrize(
    ("profile", "ratio", "limit"),
    [
        ("fast", 1.5, "This is a `fast` build, which overstates the gain."),
        ("debug", 1.5, "This is a debug build, which says little about a release."),
        ("debug", 0.5, "This is a debug build, which says little about a release."),
    ],
)
def test_a_build_that_is_no_release_limits_the_verdict(profile, ratio, limit):
    measured = report(ratio, about=COMMAND | {"profile": profile})
    assert conclusions.sentence(measured).endswith(f"on your command. {limit}")


def test_files_of_different_machines_are_compared_with_a_reservation():
    about = {"base_hostname": "a", "other_hostname": "b"}
    measured = report(1.5, 0.9, comparison="files", about=about)
    assert conclusions.sentence(measured) == (
        "b is faster than a: 1.16x (1.16-1.16) over 2 benchmarks. But 1 slower; the slowest is "
        "lists (0.90x). Their machines or systems differ, too."
    )


def test_files_of_single_processes_are_compared_with_a_reservation():
    base, other = (Sample(processes=((mean, 1.01 * mean, 0.99 * mean),)) for mean in (2.0, 1.0))
    rule = stats.ComparisonRule(paired=False)
    rows = compare_samples({"x": base}, {"x": other}, rule)
    measured = replace(
        report(1.0, comparison="files"), rows=rows, mean=mean_of(rows, rule), rule=rule
    )
    assert conclusions.sentence(measured) == (
        "b is faster than a: 2.00x (1.96-2.05) on x. Single processes were measured, so the "
        "interval may be too narrow."
    )


def test_processes_and_not_rounds_would_decide_between_unrelated_files():
    measured = replace(
        report(1.05, comparison="files"), mean=NOISY, rule=stats.ComparisonRule(paired=False)
    )
    assert conclusions.sentence(measured) == (
        f"b and a: undecided on float_loop: {POSSIBLE} About 40 more processes in each file would "
        "decide it."
    )


def test_files_with_too_few_processes_say_how_many_are_needed():
    measured = report(1.5, rounds=2, comparison="files")
    measured = replace(measured, rule=stats.ComparisonRule(paired=False))
    assert conclusions.sentence(measured) == (
        "Not enough data for a verdict: each file needs 3 or more processes per benchmark, or 3 or "
        "more values of a single process."
    )


def test_a_difference_between_off_and_off_means_a_noisy_machine():
    assert (
        "this machine is too noisy. Differences below 10.0% cannot be trusted"
        in conclusions.sentence(report(1.1, comparison="again"))
    )


NOISY = stats.Ratio(value=1.05, low=0.95, high=1.16, noise=0.1, result="undecided", more_rounds=40)
POSSIBLE = "with 1.05x (0.95-1.16), a difference of 2.0% or more is possible, and so is none."


@pytest.mark.parametrize(
    ("comparison", "fields", "sentence"),
    [
        (
            "modes",
            {"more_seconds": 95.0, "more": "jitbuild bench 3.15 --resume --max-time 270"},
            (
                f"Undecided on the small program float_loop: {POSSIBLE} About 1 min 35 s more "
                "would decide it: jitbuild bench 3.15 --resume --max-time 270"
            ),
        ),
        (
            "files",
            {},
            f"b and a: undecided on float_loop: {POSSIBLE} About 45 rounds in all would decide it.",
        ),
        (
            "again",
            {},
            (
                "Off against off: undecided; until it is decided, the noise floor of this machine "
                f"is 16.0%. The reason: {POSSIBLE} About 45 rounds in all would decide it."
            ),
        ),
    ],
)
def test_an_undecided_verdict_says_how_much_longer_a_decision_takes(comparison, fields, sentence):
    measured = replace(report(1.05, comparison=comparison, **fields), mean=NOISY)
    assert conclusions.advice(measured) == "undecided"
    assert conclusions.sentence(measured) == sentence


MORE = "jitbuild bench 3.15 --resume --max-time 270"


@pytest.mark.parametrize("comparison", ["modes", "again", "files"])
@pytest.mark.parametrize("ratios", [(1.05,), (1.25, 0.8)])
@pytest.mark.parametrize("unknown", [0, 1])
def test_nothing_follows_the_command_that_is_meant_to_be_copied(comparison, ratios, unknown):
    tally = ModeTally(
        mode="on", version="3.15.2", processes=1, in_mode=1, enabled=1, compiled=0, unknown=1
    )
    measured = report(*ratios, comparison=comparison, more_seconds=95.0, more=MORE)
    measured = replace(measured, mean=NOISY, witness={"on": tally} if unknown else {})
    sentence = conclusions.sentence(measured)
    assert sentence.endswith(f"About 1 min 35 s more would decide it: {MORE}")
    assert ("No machine code was seen" in sentence) == bool(unknown)


def test_off_against_off_counts_wrong_and_undecided_results_apart():
    measured = report(1.0, 1.3, 1.0, comparison="again")
    same, differs, other = measured.rows
    rows = (same, differs, replace(other, ratio=NOISY))
    sentence = conclusions.sentence(replace(measured, rows=rows))
    assert sentence.endswith("Of 3 benchmarks, 1 wrongly seemed to differ, and 1 is undecided.")


def test_a_measurement_without_enough_data_says_how_to_continue():
    more = "jitbuild bench 3.15 --resume --max-time 10"
    sentence = conclusions.sentence(report(1.5, rounds=2, more=more))
    assert sentence.endswith(f"at least 3 rounds are needed. To continue: {more}")


def test_noise_beyond_all_patience_is_called_so():
    measured = replace(report(1.05), mean=replace(NOISY, more_rounds=None))
    assert "too large to decide it by more rounds" in conclusions.sentence(measured)


def test_too_few_rounds_for_an_estimate_are_not_called_noise():
    measured = replace(report(1.05, rounds=1), mean=replace(NOISY, more_rounds=None))
    assert conclusions.sentence(measured).endswith(
        "With fewer than 3 rounds, the number of rounds that would decide it cannot be estimated."
    )
