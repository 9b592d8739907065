"""Express the verdict of a measurement as one word and as one sentence. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jitbuild.bench.stats import noise_floor
from jitbuild.running import intervals
from jitbuild.system.formatting import count_noun, format_duration

if TYPE_CHECKING:
    from jitbuild.bench.report import BenchReport, BenchRow
    from jitbuild.bench.stats import Ratio, Result

Advice = Literal[
    "on",
    "off",
    "no difference",
    "undecided",
    "not enough data",
    "nothing compiled",
    "faster",
    "slower",
]

_COUNTED: tuple[tuple[Result, str], ...] = (
    ("faster", "faster"),
    ("slower", "slower"),
    ("no difference", "unchanged"),
    ("undecided", "undecided"),
)


def advice(report: BenchReport) -> Advice:
    """Return the verdict as one word.

    If the modes were compared and one is faster, the word is the recommended mode. If files, or off
    and off, were compared, the word says whether the second arm is faster or slower than the first.
    Otherwise it says why there is no such answer.
    """
    result = report.mean.result
    if report.nothing_compiled is not None and report.nothing_compiled.certain:
        return "nothing compiled"
    if report.comparison != "modes" or result not in {"faster", "slower"}:
        return result
    return "on" if result == "faster" else "off"


def sentence(report: BenchReport) -> str:
    """Return the verdict as a sentence.

    If nothing was compiled, the sentence recommends no mode, because a difference cannot come from
    machine code. If the sentence has a command line, which is meant to be copied, it is at the end.
    """
    nothing = report.nothing_compiled
    if nothing is not None and nothing.certain:
        return f"{nothing.sentence} The ratio of the times is {report.mean.text}."
    doubt = nothing.sentence if nothing else ""
    return " ".join(filter(None, (_verdict(report), doubt, _how_to_continue(report))))


def _verdict(report: BenchReport) -> str:
    if report.mean.result == "not enough data":
        least = intervals.minimum_rounds(always_valid=report.rule.always_valid)
        return f"Not enough data for a verdict: at least {least} rounds are needed."
    if report.comparison == "again":
        return _off_against_off(report)
    return _files(report) if report.comparison == "files" else _modes(report)


def tally(report: BenchReport) -> str:
    """Return the counts of results, such as `9 faster, 1 slower, 4 unchanged`."""
    counts = [(len(report.with_result(result)), label) for result, label in _COUNTED]
    return ", ".join(f"{count} {label}" for count, label in counts if count or label == "unchanged")


def _modes(report: BenchReport) -> str:
    mean, scope = report.mean, _scope(report)
    if mean.result == "undecided":
        return f"Undecided {scope}: {_possible(mean)}{_parts(report)}"
    if mean.result == "no difference":
        counted = _percent(mean.counted)
        return f"No difference of {counted} or more {scope}: {mean.text}.{_parts(report)}"
    if mean.result == "faster":
        return f"Turn it on: {mean.text} {scope}.{_exceptions(report)}"
    slowest = report.with_result("slower")[:1] if len(report.rows) > 1 else []
    exception = f"; the slowest is {_name_and_ratio(slowest[0])}" if slowest else ""
    slowdown = _percent(1 / mean.value - 1)
    return f"Leave it off: {slowdown} slower, {mean.text}, {scope}{exception}."


def _possible(mean: Ratio) -> str:
    """Return why the mean is undecided."""
    return (
        f"with {mean.text}, a difference of {_percent(mean.counted)} or more is possible, "
        "and so is none."
    )


def _how_to_continue(report: BenchReport) -> str:
    """Return how much longer a decision would take, and the command line; "" if it is decided.

    After an interruption, a note has the command line.
    """
    mean = report.mean
    command = report.more if report.interrupted_by is None else ""
    if mean.result == "not enough data":
        return f"To continue: {command}" if command else ""
    if mean.is_decided:
        return ""
    how = f": {command}" if command else "."
    if report.more_seconds:
        return f"About {format_duration(report.more_seconds)} more would decide it{how}"
    if mean.more_rounds:
        return f"About {count_noun(mean.more_rounds, 'more round')} would decide it{how}"
    fewest = min(len(arm.processes) for row in report.rows for arm in (row.base, row.other))
    if fewest < intervals.MINIMUM_ROUNDS:
        return (
            f"With fewer than {intervals.MINIMUM_ROUNDS} rounds, the number of rounds that would "
            "decide it cannot be estimated."
        )
    return "The noise is too large to decide it by more rounds."


def _scope(report: BenchReport) -> str:
    """Return the words of the verdict that name the measured programs."""
    kind = report.about.get("kind", "")
    if len(report.rows) > 1:
        return f"over {len(report.rows)} {'programs' if kind == 'quick' else 'benchmarks'}"
    scopes = {"command": "on your command", "stmt": "on your statement"}
    return scopes.get(kind, f"on {report.rows[0].name}")


def _parts(report: BenchReport) -> str:
    """Return a sentence on benchmarks that differ although the mean does not; "" if none does."""
    faster, slower = report.with_result("faster"), report.with_result("slower")
    if len(report.rows) == 1 or not (faster or slower):
        return ""
    fastest = f"; the fastest is {_name_and_ratio(faster[0])}" if faster else ""
    slowest = f"; the slowest is {_name_and_ratio(slower[0])}" if slower else ""
    own = report.about.get("kind") == "pytest"
    remedy = "" if own else ": measure your own program, after `--`"
    return f" But {tally(report)}{fastest}{slowest}{remedy}."


def _exceptions(report: BenchReport) -> str:
    slower = report.with_result("slower")
    if len(report.rows) == 1 or not slower:
        return ""
    return f" But {len(slower)} slower; the slowest is {_name_and_ratio(slower[0])}."


def _name_and_ratio(row: BenchRow) -> str:
    return f"{row.name} ({row.ratio.value:.2f}x)"


def _off_against_off(report: BenchReport) -> str:
    """Return the verdict of off against off."""
    floor = _percent(noise_floor(report.mean))
    counts = _wrong_and_undecided(report)
    if report.mean.result == "no difference":
        return (
            f"Off against off: no difference. The noise floor of this machine is {floor}; "
            f"smaller differences do not count here.{counts}"
        )
    if report.mean.result == "undecided":
        return (
            f"Off against off: undecided; until it is decided, the noise floor of this machine is "
            f"{floor}. The reason: {_possible(report.mean)}{counts}"
        )
    return (
        f"Off against off came out {report.mean.text} instead of 1: this machine is too noisy. "
        f"Differences below {floor} cannot be trusted here. "
        f"Stop other work on it, or measure more rounds.{counts}"
    )


def _wrong_and_undecided(report: BenchReport) -> str:
    """Return a sentence that counts the wrong and the undecided results of several benchmarks."""
    if len(report.rows) == 1:
        return ""
    undecided = len(report.with_result("undecided"))
    return (
        f" Of {len(report.rows)} benchmarks, {report.wrong} wrongly seemed to differ, and "
        f"{undecided} {'is' if undecided == 1 else 'are'} undecided."
    )


def _files(report: BenchReport) -> str:
    mean, count = report.mean, len(report.rows)
    scope = f"over {count} benchmarks" if count > 1 else f"on {report.rows[0].name}"
    if mean.result == "no difference":
        counted = _percent(mean.counted)
        return (
            f"{report.other} and {report.base}: no difference of {counted} or more {scope}: "
            f"{mean.text}."
        )
    if mean.result == "undecided":
        return f"{report.other} and {report.base}: undecided {scope}: {_possible(mean)}"
    return f"{report.other} is {mean.result} than {report.base}: {mean.text} {scope}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
