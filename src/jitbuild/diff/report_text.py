"""Render a report as text for a terminal, and as Markdown for GitHub's step summary. Pure."""

from __future__ import annotations

import shlex
from statistics import median
from typing import TYPE_CHECKING

from jitbuild.safe_text import escape_controls
from jitbuild.system.formatting import count_noun, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.compare_times import ModeTiming
    from jitbuild.diff.diff_report import DiffReport
    from jitbuild.diff.findings import Difference, Outcomes
    from jitbuild.modes import Mode

# GitHub limits the summary of a step to 1 MiB.
_MARKDOWN_ENTRIES = 50


def as_text(report: DiffReport) -> str:
    """Return the report as text for a terminal; its last line is the conclusion."""
    findings = report.findings
    lines = [
        f"{report.interpreter}: {shlex.join(report.command)}",
        f"  {_modes_and_repeats(report)}. {report.jit}",
        "",
        *_table(report),
        "",
        *(f"  {line}" for line in _witness_lines(report)),
    ]
    if findings.differences:
        lines += ["", f"Differs with the JIT ({len(findings.differences)})"]
        for difference in findings.differences:
            lines += _difference_lines(difference)
    if findings.flaky:
        lines += ["", f"Flaky: differs between repeats of one mode ({len(findings.flaky)})"]
        lines += [
            f"  {escape_controls(flaky.subject, one_line=True)}: {_outcomes(flaky.outcomes)}"
            for flaky in findings.flaky
        ]
    lines += ["", "Time"]
    lines += [f"  {_timing(timing, report.baseline)}" for timing in findings.timings]
    lines += ["", *(f"Note: {note}" for note in report.notes), conclusion(report)]
    return "\n".join(lines)


def as_markdown(report: DiffReport) -> str:
    """Return the report as Markdown for a step summary."""
    findings = report.findings
    command = f"`{_inline(shlex.join(report.command))}`"
    lines = [
        f"### {_symbol(report)} {conclusion(report)}",
        "",
        f"{command} on `{report.interpreter}`: {_modes_and_repeats(report)}. {report.jit}",
        "",
        "| mode | ending | tests | median time |",
        "|---|---|---|---|",
        *(f"| {' | '.join(map(_cell, row))} |" for row in _rows(report)),
        "",
        *(f"- {_inline(line)}" for line in _witness_lines(report)),
    ]
    if findings.differences:
        lines += ["", "#### Differs with the JIT", ""]
        for difference in findings.differences[:_MARKDOWN_ENTRIES]:
            lines += _markdown_difference(difference)
    if findings.flaky:
        lines += ["", "#### Flaky", "", "Differs between repeats of one mode.", ""]
        lines += [
            f"- `{_inline(flaky.subject)}`: {_outcomes(flaky.outcomes)}"
            for flaky in findings.flaky[:_MARKDOWN_ENTRIES]
        ]
    lines += ["", "#### Time", ""]
    lines += [f"- {_timing(timing, report.baseline)}" for timing in findings.timings]
    if report.notes:
        lines += ["", *(f"> {note}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def conclusion(report: DiffReport) -> str:
    """Return the result of the comparison as a single line.

    If there was no machine code, or none of the packages under test, the modes did the same work,
    and "No differences" alone would be misleading.
    """
    differences, flaky = len(report.findings.differences), len(report.findings.flaky)
    parts = [f"{differences or 'No'} {'difference' if differences == 1 else 'differences'}"]
    parts.append("with the JIT.")
    if report.meaningless:
        parts = [*(parts if differences else []), report.meaningless]
    if flaky:
        subjects = "1 subject is" if flaky == 1 else f"{flaky} subjects are"
        parts.append(f"{subjects} flaky, which does not count as a difference.")
    return " ".join(parts)


def _symbol(report: DiffReport) -> str:
    if report.different:
        return "❌"
    return "⚠️" if report.meaningless else "✅"


def _witness_lines(report: DiffReport) -> Iterator[str]:
    """Yield a line about the processes of each mode, and one for each of the user's packages.

    pytest has loops of its own, which are compiled in every suite that is not small.
    """
    for tally in report.witness:
        usage = next((each for each in report.usage if each.mode == tally.mode), None)
        own = " (of any code, pytest's own included)" if usage and tally.compiled else ""
        yield f"{tally.sentence}{own}"
        if usage is not None and tally.enabled:
            for package in usage.packages:
                yield f"mode {tally.mode}: {package.sentence}"


def _outcomes(by_mode: Outcomes) -> str:
    """Return outcomes as text, such as `off: passed; on: failed 2 of 3, passed 1 of 3`."""
    return "; ".join(f"{mode}: {_tally(repeats)}" for mode, repeats in by_mode.items())


def _tally(outcomes: Sequence[str]) -> str:
    if len(set(outcomes)) == 1:
        return outcomes[0]
    return ", ".join(
        f"{outcome} {outcomes.count(outcome)} of {len(outcomes)}"
        for outcome in dict.fromkeys(outcomes)
    )


def _modes_and_repeats(report: DiffReport) -> str:
    repeats = "once" if report.repeats == 1 else f"{report.repeats} interleaved repeats"
    return f"{', '.join(report.modes)}; {repeats}"


def _table(report: DiffReport) -> list[str]:
    rows = _rows(report)
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        "  " + "  ".join([*(f"{row[at]:<{widths[at]}}" for at in range(3) if widths[at]), row[3]])
        for row in rows
    ]


def _rows(report: DiffReport) -> list[tuple[str, str, str, str]]:
    """Return the name, endings, test outcomes and median time of each mode."""
    rows: list[tuple[str, str, str, str]] = []
    for mode in report.modes:
        runs = [run for run in report.runs if run.mode == mode]
        seconds = median(run.seconds for run in runs)
        rows.append(
            (mode, _tally([run.ending for run in runs]), _test_counts(runs), _duration(seconds))
        )
    return rows


def _test_counts(runs: Sequence[CommandRun]) -> str:
    """Return the number of tests with each outcome, in the first run that has test outcomes."""
    known = [counts for run in runs if (counts := run.outcome_counts()) is not None]
    counts = known[0] if known else {}
    by_frequency = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {outcome}" for outcome, count in by_frequency)


def _difference_lines(difference: Difference) -> Iterator[str]:
    yield f"  {_title(difference)}"
    yield f"      {_outcomes(difference.outcomes)}"
    yield from (f"      | {line}" for line in difference.detail)
    if difference.log:
        yield f"      log: {difference.log}"
    yield f"      repeat: {difference.repeat}"


def _title(difference: Difference) -> str:
    prefix = "crash in " if difference.kind == "crash" else ""
    return f"{prefix}{escape_controls(difference.subject, one_line=True)}"


def _markdown_difference(difference: Difference) -> Iterator[str]:
    yield f"- **`{_inline(_title(difference))}`**: {_outcomes(difference.outcomes)}"
    yield ""
    yield "  ```"
    for line in (*difference.detail, f"$ {difference.repeat}"):
        yield f"  {line.replace('```', '')}"
    yield "  ```"


def _timing(timing: ModeTiming, baseline: Mode) -> str:
    times = f"{_duration(timing.baseline_seconds)} -> {_duration(timing.seconds)}"
    noise = f"noise {timing.noise:.1%}"
    match timing.result:
        case "faster":
            factor = f"{1 / timing.ratio:.2f} times as fast"
            return f"{timing.mode} is faster than {baseline}: {times}, {factor} ({noise})"
        case "slower":
            factor = f"{timing.ratio:.2f} times as long"
            return f"{timing.mode} is slower than {baseline}: {times}, {factor} ({noise})"
        case "no difference":
            return f"{timing.mode} and {baseline}: no difference of 2% or more: {times} ({noise})"
        case "undecided":
            return (
                f"{timing.mode} and {baseline}: undecided: {times} ({noise}){_more_repeats(timing)}"
            )
        case "not compared":
            return f"{timing.mode} and {baseline} are not compared: {times}; {timing.reason}"


def _more_repeats(timing: ModeTiming) -> str:
    if timing.more_rounds is None:
        return ""
    return f"; about {count_noun(timing.more_rounds, 'more repeat')} would decide (--repeat)"


def _duration(seconds: float) -> str:
    """Return a duration as text, in milliseconds below a second."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else format_duration(seconds)


def _cell(text: str) -> str:
    return _inline(text).replace("|", "\\|")


def _inline(text: str) -> str:
    """Return `text` for use in inline code, with backticks and line breaks replaced."""
    return text.replace("`", "'").replace("\n", " ")
