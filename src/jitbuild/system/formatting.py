"""Format durations and sizes for people to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# strftime would use the language of the locale.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
# From this duration on, fractions of seconds are not shown.
_WHOLE_SECONDS = 9.95


def format_duration(seconds: float) -> str:
    """Return a duration in seconds as text: `0.4 s`, `12 s`, `3 min 05 s`."""
    if seconds < _WHOLE_SECONDS:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def format_date(date: datetime, today: datetime) -> str:
    """Return a date as text, with its year unless that is the year of `today`: `27 November`."""
    year = "" if date.year == today.year else f" {date.year}"
    return f"{date.day} {_MONTHS[date.month - 1]}{year}"


def format_time_left(seconds: float) -> str:
    """Return an estimate of the time left in seconds as text: `≈ 5 s left`, `≈ 3 min 05 s left`."""
    text = format_duration(seconds) if seconds >= _WHOLE_SECONDS else f"{max(1, round(seconds))} s"
    return f"≈ {text} left"


def count_noun(count: float, noun: str) -> str:
    """Return a count with its noun in the singular or in the plural: `1 second`, `2.5 seconds`."""
    return f"{count:g} {noun}" if count == 1 else f"{count:g} {noun}s"


def format_size(count: int) -> str:
    """Return a number of bytes as text: `23.2 MB`."""
    if count < 1000:
        return f"{count} B"
    value, unit = float(count), "B"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007
        value /= 1000
        if value < 999.95:
            break
    return f"{value:.1f} {unit}"
