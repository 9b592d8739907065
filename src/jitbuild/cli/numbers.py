"""Convert the values of options that are numbers."""

from __future__ import annotations

import argparse

_SECONDS_OF_A_YEAR = 366 * 24 * 3600


def positive_integer(text: str) -> int:
    """Return the value `text` of an option as an integer.

    Raises ArgumentTypeError when `text` is not a positive integer.
    """
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, not {text!r}")
    return number


def margin(text: str) -> float:
    """Return a percentage, such as `2` or `2%`, as a share.

    Raises ArgumentTypeError when `text` is not a percentage above 0 and below 100.
    """
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent < 100:
        raise argparse.ArgumentTypeError(f"must be a percentage above 0, such as 2, not {text!r}")
    return percent / 100


def positive_seconds(text: str) -> float:
    """Return the value `text` of an option as a number of seconds.

    Raises ArgumentTypeError when `text` is not a positive number, or more than a year.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    # Python's timers fail at about 300 years.
    if not 0 < number <= _SECONDS_OF_A_YEAR:
        is_finite = _SECONDS_OF_A_YEAR < number < float("inf")
        expected = "at most a year" if is_finite else "a positive number of seconds"
        raise argparse.ArgumentTypeError(f"must be {expected}, not {text!r}")
    return number
