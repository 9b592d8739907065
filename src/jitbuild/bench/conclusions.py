"""What follows from a measurement, in words that a person can act on. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jitbuild.bench.stats import noise_floor

if TYPE_CHECKING:
    from jitbuild.bench.report import Report, Row

Result = Literal["on", "off", "no difference", "not enough data", "faster", "slower"]


def result(report: Report) -> Result:
    """What to do about the JIT, in one word; between files, and off against off, how the other one is."""
    word = report.mean.word
    if report.comparison != "modes" or word in {"no difference", "not enough data"}:
        return word
    return "on" if word == "faster" else "off"


def verdict(report: Report) -> str:
    """The sentence that says it."""
    if report.mean.word == "not enough data":
        return "Not enough was measured to say anything: it takes 3 rounds at least."
    if report.comparison == "again":
        return _again(report)
    return _files(report) if report.comparison == "files" else _modes(report)


def tally(report: Report) -> str:
    """`9 faster, 1 slower, 4 unchanged`."""
    counts = [(len(report.named(word)), said) for word, said in _SAID]
    return ", ".join(f"{count} {said}" for count, said in counts if count or said == "unchanged")


_SAID = (("faster", "faster"), ("slower", "slower"), ("no difference", "unchanged"))


def _modes(report: Report) -> str:
    mean, where = report.mean, _where(report)
    if mean.word == "no difference":
        return f"No difference beyond this machine's noise ({_percent(mean.noise)}) {where}.{_parts(report)}"
    if mean.word == "faster":
        return f"Turn it on: {mean.shown} {where}.{_exceptions(report)}"
    slowest = report.named("slower")[:1]
    said = f"; the slowest is {_row(slowest[0])}" if slowest and len(report.rows) > 1 else ""
    return f"Leave it off: {_percent(1 / mean.value - 1)} slower, {mean.shown}, {where}{said}."


def _where(report: Report) -> str:
    if len(report.rows) > 1:
        return f"over {len(report.rows)} {_things(report)}"
    return {"command": "on your command", "stmt": "on your statement"}.get(
        report.about.get("kind", ""), f"on {report.rows[0].name}"
    )


def _things(report: Report) -> str:
    return "programs" if report.about.get("kind") == "quick" else "benchmarks"


def _parts(report: Report) -> str:
    """That nothing differs on the whole does not mean that nothing differs."""
    faster, slower = report.named("faster"), report.named("slower")
    if len(report.rows) == 1 or not (faster or slower):
        return ""
    fastest = f"; the fastest is {_row(faster[0])}" if faster else ""
    slowest = f"; the slowest is {_row(slower[0])}" if slower else ""
    advice = (
        "" if report.about.get("kind") == "pytest" else ": measure your own program, after `--`"
    )
    return f" But {tally(report)}{fastest}{slowest}{advice}."


def _exceptions(report: Report) -> str:
    slower = report.named("slower")
    if len(report.rows) == 1 or not slower:
        return ""
    return f" But {len(slower)} slower; the slowest is {_row(slower[0])}."


def _row(row: Row) -> str:
    return f"{row.name} ({row.ratio.value:.2f}x)"


def _again(report: Report) -> str:
    floor = _percent(noise_floor(report.mean))
    if report.mean.word == "no difference":
        return f"Off against off: no difference. The noise floor of this machine is {floor}; less than that is no difference here."
    return (
        f"Off against off came out {report.mean.shown}, and should be 1: this machine is not quiet. Nothing below {floor} can be "
        "trusted here. Close what else runs, or measure more rounds."
    )


def _files(report: Report) -> str:
    mean = report.mean
    over = (
        f"over {len(report.rows)} benchmarks"
        if len(report.rows) > 1
        else f"on {report.rows[0].name}"
    )
    if mean.word == "no difference":
        return f"{report.other} and {report.base}: no difference beyond the noise ({_percent(mean.noise)}) {over}."
    return f"{report.other} is {mean.word} than {report.base}: {mean.shown} {over}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
