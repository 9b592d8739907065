"""Express the verdict of a measurement as one word and as one sentence. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jitbuild.bench.stats import noise_floor

if TYPE_CHECKING:
    from jitbuild.bench.report import BenchReport, BenchRow
    from jitbuild.bench.stats import Result

Advice = Literal["on", "off", "no difference", "not enough data", "faster", "slower"]

_COUNTED: tuple[tuple[Result, str], ...] = (
    ("faster", "faster"),
    ("slower", "slower"),
    ("no difference", "unchanged"),
)


def advice(report: BenchReport) -> Advice:
    """Return the verdict as one word.

    If the modes were compared, it is the recommended mode. If files, or off and off, were compared,
    it is the result of the second arm relative to the first.
    """
    result = report.mean.result
    if report.comparison != "modes" or result in {"no difference", "not enough data"}:
        return result
    return "on" if result == "faster" else "off"


def sentence(report: BenchReport) -> str:
    """Return the verdict as a sentence."""
    if report.mean.result == "not enough data":
        return "Not enough data for a verdict: at least 3 rounds are needed."
    if report.comparison == "again":
        return _off_against_off(report)
    return _files(report) if report.comparison == "files" else _modes(report)


def tally(report: BenchReport) -> str:
    """Return the counts of results, such as `9 faster, 1 slower, 4 unchanged`."""
    counts = [(len(report.with_result(result)), label) for result, label in _COUNTED]
    return ", ".join(f"{count} {label}" for count, label in counts if count or label == "unchanged")


def _modes(report: BenchReport) -> str:
    mean, scope = report.mean, _scope(report)
    if mean.result == "no difference":
        noise = _percent(mean.noise)
        return f"No difference beyond this machine's noise ({noise}) {scope}.{_parts(report)}"
    if mean.result == "faster":
        return f"Turn it on: {mean.text} {scope}.{_exceptions(report)}"
    slowest = report.with_result("slower")[:1] if len(report.rows) > 1 else []
    exception = f"; the slowest is {_name_and_ratio(slowest[0])}" if slowest else ""
    slowdown = _percent(1 / mean.value - 1)
    return f"Leave it off: {slowdown} slower, {mean.text}, {scope}{exception}."


def _scope(report: BenchReport) -> str:
    """Return the words of the verdict that name the measured programs."""
    kind = report.about.get("kind", "")
    if len(report.rows) > 1:
        return f"over {len(report.rows)} {'programs' if kind == 'quick' else 'benchmarks'}"
    scopes = {"command": "on your command", "stmt": "on your statement"}
    return scopes.get(kind, f"on {report.rows[0].name}")


def _parts(report: BenchReport) -> str:
    """Return a sentence on benchmarks that differ although the mean does not, or nothing."""
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
    floor = _percent(noise_floor(report.mean))
    if report.mean.result == "no difference":
        return (
            f"Off against off: no difference. The noise floor of this machine is {floor}; "
            "smaller differences do not count here."
        )
    return (
        f"Off against off came out {report.mean.text} instead of 1: this machine is too noisy. "
        f"Differences below {floor} cannot be trusted here. "
        "Stop other work on it, or measure more rounds."
    )


def _files(report: BenchReport) -> str:
    mean, count = report.mean, len(report.rows)
    scope = f"over {count} benchmarks" if count > 1 else f"on {report.rows[0].name}"
    if mean.result == "no difference":
        return (
            f"{report.other} and {report.base}: "
            f"no difference beyond the noise ({_percent(mean.noise)}) {scope}."
        )
    return f"{report.other} is {mean.result} than {report.base}: {mean.text} {scope}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
