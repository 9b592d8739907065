"""A report for people: text for a terminal, Markdown for GitHub's step summary. Pure."""

from __future__ import annotations

import shlex
from statistics import median
from typing import TYPE_CHECKING

from jitbuild.system.formatting import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jitbuild.diff.compare import Difference, Outcomes
    from jitbuild.diff.report import Report
    from jitbuild.diff.runs import Run
    from jitbuild.diff.timing import Timing
    from jitbuild.modes import Mode

# GitHub takes 1 MiB of a step; nobody reads the hundredth flaky test.
_MOST = 50


def as_text(report: Report) -> str:
    """The report as lines: what ran, what differs, what is flaky, what takes another time, and what follows."""
    findings = report.findings
    lines = [
        f"{report.interpreter}: {shlex.join(report.command)}",
        f"  {_modes(report)}. {report.jit}",
        "",
        *_table(report),
    ]
    if findings.differences:
        lines += ["", f"Differs with the JIT ({len(findings.differences)})"]
        for found in findings.differences:
            lines += _difference(found)
    if findings.flaky:
        lines += ["", f"Flaky: differs between repeats of one mode ({len(findings.flaky)})"]
        lines += [f"  {found.subject}: {outcomes(found.outcomes)}" for found in findings.flaky]
    lines += ["", "Time", *(f"  {_timing(each, report.baseline)}" for each in findings.timings), ""]
    lines += [f"Note: {note}" for note in report.notes]
    return "\n".join([*lines, conclusion(report)])


def as_markdown(report: Report) -> str:
    """The report for a step summary."""
    findings = report.findings
    lines = [
        f"### {'❌' if report.different else '✅'} {conclusion(report)}",
        "",
        f"`{_plain(shlex.join(report.command))}` on `{report.interpreter}`: {_modes(report)}. {report.jit}",
        "",
        "| mode | how it ended | tests | median time |",
        "|---|---|---|---|",
        *(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in _rows(report)),
    ]
    if findings.differences:
        lines += ["", "#### Differs with the JIT", ""]
        for found in findings.differences[:_MOST]:
            lines += _markdown_difference(found)
    if findings.flaky:
        lines += ["", "#### Flaky", "", "Differs between repeats of one mode.", ""]
        lines += [
            f"- `{_plain(found.subject)}`: {outcomes(found.outcomes)}"
            for found in findings.flaky[:_MOST]
        ]
    lines += [
        "",
        "#### Time",
        "",
        *(f"- {_timing(each, report.baseline)}" for each in findings.timings),
    ]
    lines += ["", *(f"> {note}" for note in report.notes)] if report.notes else []
    return "\n".join(lines) + "\n"


def conclusion(report: Report) -> str:
    """The one line that says how it came out."""
    flaky = len(report.findings.flaky)
    aside = (
        f" {flaky} {'is' if flaky == 1 else 'are'} flaky, which is no difference." if flaky else ""
    )
    count = len(report.findings.differences)
    if not count:
        return f"Nothing differs with the JIT.{aside}"
    return f"{count} {'thing differs' if count == 1 else 'things differ'} with the JIT.{aside}"


def outcomes(by_mode: Outcomes) -> str:
    """`off: passed; on: failed 2, passed 1`."""
    return "; ".join(f"{mode}: {_tally(each)}" for mode, each in by_mode.items())


def _tally(each: Sequence[str]) -> str:
    if len(set(each)) == 1:
        return each[0]
    return ", ".join(
        f"{outcome} {each.count(outcome)} of {len(each)}" for outcome in dict.fromkeys(each)
    )


def _modes(report: Report) -> str:
    repeats = "once" if report.repeats == 1 else f"{report.repeats} interleaved repeats"
    return f"{', '.join(report.modes)}; {repeats}"


def _table(report: Report) -> list[str]:
    rows = _rows(report)
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        "  " + "  ".join([*(f"{row[at]:<{widths[at]}}" for at in range(3) if widths[at]), row[3]])
        for row in rows
    ]


def _rows(report: Report) -> list[tuple[str, str, str, str]]:
    by_mode: dict[Mode, list[Run]] = {
        mode: [run for run in report.runs if run.mode == mode] for mode in report.modes
    }
    return [
        (
            mode,
            _tally([run.ending for run in runs]),
            _counts(runs),
            _duration(median(run.seconds for run in runs)),
        )
        for mode, runs in by_mode.items()
    ]


def _counts(runs: Iterable[Run]) -> str:
    """How many tests ended in which way, of the first run that can tell."""
    counted: Mapping[str, int] = next(
        (counts for run in runs if (counts := run.counts()) is not None), {}
    )
    return ", ".join(
        f"{counted[outcome]} {outcome}"
        for outcome in sorted(counted, key=lambda outcome: -counted[outcome])
    )


def _difference(found: Difference) -> Iterator[str]:
    yield f"  {_title(found)}"
    yield f"      {outcomes(found.outcomes)}"
    yield from (f"      | {line}" for line in found.detail)
    if found.log:
        yield f"      log: {found.log}"
    yield f"      repeat: {found.repeat}"


def _title(found: Difference) -> str:
    return f"crash in {found.subject}" if found.kind == "crash" else found.subject


def _markdown_difference(found: Difference) -> Iterator[str]:
    yield f"- **`{_plain(_title(found))}`**: {outcomes(found.outcomes)}"
    yield ""
    yield "  ```"
    yield from (f"  {line.replace('```', '')}" for line in (*found.detail, f"$ {found.repeat}"))
    yield "  ```"


def _timing(timing: Timing, baseline: Mode) -> str:
    times = f"{_duration(timing.baseline_seconds)} -> {_duration(timing.seconds)}"
    noise = f"noise {timing.noise:.1%}"
    match timing.speed:
        case "faster":
            return f"{timing.mode} is faster than {baseline}: {times}, {1 / timing.ratio:.2f} times as fast ({noise})"
        case "slower":
            return f"{timing.mode} is slower than {baseline}: {times}, {timing.ratio:.2f} times as long ({noise})"
        case "within noise":
            return (
                f"{timing.mode} and {baseline} take the same time within noise: {times} ({noise})"
            )
        case _:
            return f"{timing.mode} and {baseline} are not compared: {times}"


def _duration(value: float) -> str:
    """Of what is over in no time the tenths of a second say nothing."""
    return f"{value * 1000:.0f} ms" if value < 1 else format_duration(value)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """`text` for where a backtick would end the code that it stands in."""
    return text.replace("`", "'").replace("\n", " ")
