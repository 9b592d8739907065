"""Express the verdict of a measurement as one word and as one sentence. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jitbuild.bench.about import facts_of_side, machine_differences
from jitbuild.bench.file_profiles import profile_limit
from jitbuild.bench.stats import noise_floor
from jitbuild.running import intervals
from jitbuild.system.formatting import format_duration

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

# A suite and a statement are not the user's program, so a verdict on them recommends no mode.
_OWN_KINDS = frozenset({"command", "pytest"})
_LIMITS = {
    "quick": " These programs say little about your own: measure it with `-- COMMAND`.",
    "suite": " These benchmarks say little about your own program: measure it with `-- COMMAND`.",
    "stmt": " This says little about a whole program: measure it with `-- COMMAND`.",
}
_DEBUG_LIMIT = "This is a debug build, which says little about a release."
_FAST_LIMIT = "This is a `fast` build, which overstates the gain."

_COUNTED: tuple[tuple[Result, str], ...] = (
    ("faster", "faster"),
    ("slower", "slower"),
    ("no difference", "unchanged"),
    ("undecided", "undecided"),
)


def advice(report: BenchReport) -> Advice:
    """Return the verdict as one word.

    If the modes were compared and one is faster, the word is the faster mode. If files, or off
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
        if report.comparison == "files" and not report.rule.paired:
            return (
                f"Not enough data for a verdict: each file needs {least} or more processes per "
                f"benchmark, or {least} or more values of a single process."
            )
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
        verdict = f"No difference of {counted} or more {scope}: {mean.text}.{_parts(report)}"
    elif mean.result == "faster":
        start = "Turn it on" if is_advice(report) else "Faster with the JIT on"
        verdict = f"{start}: {mean.text} {scope}.{_exceptions(report)}"
    else:
        start = "Leave it off" if is_advice(report) else "With the JIT on"
        slowest = report.with_result("slower")[:1] if len(report.rows) > 1 else []
        exception = f"; the slowest is {_name_and_ratio(slowest[0])}" if slowest else ""
        slowdown = _percent(1 / mean.value - 1)
        verdict = f"{start}: {slowdown} slower, {mean.text}, {scope}{exception}."
    return verdict + _limits(report)


def is_advice(report: BenchReport) -> bool:
    """Return True if the verdict recommends a mode for the user's program.

    That needs a mode that is faster, on a command or on tests of the user. A suite or a statement
    is not the user's program. In a debug build, times do not represent those of a release. In a
    build without PGO, the gain is overstated, but a loss would be a loss in a release, too.
    """
    result, profile = report.mean.result, report.about.get("profile")
    return (
        report.comparison == "modes"
        and report.nothing_compiled is None
        and report.about.get("kind") in _OWN_KINDS
        and (result == "slower" or (result == "faster" and profile != "fast"))
        and profile != "debug"
    )


def _limits(report: BenchReport) -> str:
    """Return a sentence on what the measurement does not say; "" for the user's own program."""
    kind, profile = report.about.get("kind", ""), report.about.get("profile")
    limits = _LIMITS.get(kind, "")
    if profile == "debug":
        return f" {_DEBUG_LIMIT}{limits}"
    if profile == "fast" and report.mean.result == "faster":
        return f" {_FAST_LIMIT}{limits}"
    return limits


def _possible(mean: Ratio) -> str:
    """Return why the mean is undecided."""
    return (
        f"with {mean.text}, a difference of {_percent(mean.counted)} or more is possible, "
        "and so is none."
    )


def _how_to_continue(report: BenchReport) -> str:
    """Return how much longer a decision would take, and the command line; "" if it is decided.

    After an interruption, a note has the command line. A measurement with an exact number of rounds
    cannot be continued: its interval is valid only if the measurement looks at it once.
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
    unpaired = report.comparison == "files" and not report.rule.paired
    if mean.more_rounds and unpaired:
        processes = "process" if mean.more_rounds == 1 else "processes"
        return f"About {mean.more_rounds} more {processes} in each file would decide it."
    if mean.more_rounds:
        measured = min(len(row.base.processes) for row in report.rows)
        anew = f" To measure anew: {command}" if command else ""
        return f"About {measured + mean.more_rounds} rounds in all would decide it.{anew}"
    fewest = min(len(arm.processes) for row in report.rows for arm in (row.base, row.other))
    if fewest < intervals.MINIMUM_ROUNDS:
        noun = "processes" if unpaired else "rounds"
        return (
            f"With fewer than {intervals.MINIMUM_ROUNDS} {noun}, the number of {noun} that would "
            "decide it cannot be estimated."
        )
    return "The noise is too large to decide it by more rounds."


def _scope(report: BenchReport) -> str:
    """Return the words of the verdict that name the measured programs."""
    kind, count = report.about.get("kind", ""), len(report.rows)
    if count > 1:
        scopes = {
            "quick": f"over {count} small programs",
            "suite": f"over {count} benchmarks of pyperformance",
            "pytest": f"over {count} tests",
        }
        return scopes.get(kind, f"over {count} benchmarks")
    scopes = {
        "command": "on your command",
        "stmt": "on your statement",
        "quick": f"on the small program {report.rows[0].name}",
    }
    return scopes.get(kind, f"on {report.rows[0].name}")


def _parts(report: BenchReport) -> str:
    """Return a sentence on benchmarks that differ although the mean does not; "" if none does."""
    faster, slower = report.with_result("faster"), report.with_result("slower")
    if len(report.rows) == 1 or not (faster or slower):
        return ""
    fastest = f"; the fastest is {_name_and_ratio(faster[0])}" if faster else ""
    slowest = f"; the slowest is {_name_and_ratio(slower[0])}" if slower else ""
    return f" But {tally(report)}{fastest}{slowest}."


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
    """Return the verdict about two files, and how their machines and profiles limit it."""
    mean, count = report.mean, len(report.rows)
    scope = f"over {count} benchmarks" if count > 1 else f"on {report.rows[0].name}"
    base, other = (facts_of_side(report.about, side) for side in ("base", "other"))
    differ = machine_differences(base, other)
    end = " Their machines or systems differ, too." if differ else ""
    limit = profile_limit(base, other, mean.result)
    end += f" {limit}" if limit else ""
    samples = [sample for row in report.rows for sample in (row.base, row.other)]
    if any(len(sample.processes) == 1 for sample in samples):
        end += " Single processes were measured, so the interval may be too narrow."
    if mean.result == "no difference":
        counted = _percent(mean.counted)
        return (
            f"{report.other} and {report.base}: no difference of {counted} or more {scope}: "
            f"{mean.text}.{_parts(report)}{end}"
        )
    if mean.result == "undecided":
        return f"{report.other} and {report.base}: undecided {scope}: {_possible(mean)}{end}"
    rest = (_exceptions(report) if mean.result == "faster" else "") + end
    return f"{report.other} is {mean.result} than {report.base}: {mean.text} {scope}.{rest}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
