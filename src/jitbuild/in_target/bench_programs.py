"""The programs of the quick suite, each of which checks its own result.

They run in the interpreter under test and need only the standard library. Some of them do the work
for which the JIT of 3.15 was made (loops of arithmetic, attributes, calls). Some do work that the
JIT hardly affects (strings, dicts, generators). In two programs no gain is expected, because they
spend their time in C or in the operating system. One call takes some milliseconds; pyperf
determines how many calls make one value.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class WrongResultError(Exception):
    """A program returned a wrong result, so its times mean nothing."""


def _check(name: str, result: object, expected: object) -> None:
    if result != expected:
        raise WrongResultError(f"{name}: {result!r} instead of {expected!r}")


def float_loop() -> None:
    value = 1.0
    for _ in range(100_000):
        value = value * 1.0001
    _check("float_loop", round(value, 3), 22015.456)


def int_loop() -> None:
    total = 0
    for number in range(60_000):
        total = (total + number * 3) & 0xFFFF
    _check("int_loop", total, 5744)


def nbody() -> None:
    """Move two bodies of equal mass: arithmetic in a loop with many live values."""
    x, y, vx, vy = 1.0, 0.0, 0.0, 1.0
    for _ in range(15_000):
        squared = x * x + y * y
        pull = 0.001 / (squared * squared**0.5)
        vx -= x * pull
        vy -= y * pull
        x += vx * 0.001
        y += vy * 0.001
    # The energy of the orbit is constant.
    _check("nbody", round(0.5 * (vx * vx + vy * vy) - 1 / (x * x + y * y) ** 0.5, 5), -0.5)


class _Packet:
    __slots__ = ("hops", "value")

    def __init__(self, value: int) -> None:
        self.value = value
        self.hops = 0


class _Task:
    def __init__(self, number: int) -> None:
        self.number = number
        self.handled = 0
        self.following: _Task | None = None

    def take(self, packet: _Packet) -> _Task | None:
        packet.hops += 1
        packet.value = (packet.value * 31 + self.number) % 10_007
        self.handled += 1
        return self.following


class _Device(_Task):
    def take(self, packet: _Packet) -> _Task | None:
        packet.value += 1
        return super().take(packet)


def objects() -> None:
    """Pass packets between tasks, as richards does: attributes, and methods of several classes."""
    tasks: list[_Task] = [_Device(number) if number % 3 else _Task(number) for number in range(6)]
    for task, following in zip(tasks, tasks[1:] + tasks[:1], strict=True):
        task.following = following
    packets = [_Packet(number) for number in range(100)]
    for packet in packets:
        current: _Task | None = tasks[packet.value % 6]
        for _ in range(60):
            assert current is not None
            current = current.take(packet)
    _check(
        "objects",
        (sum(task.handled for task in tasks), sum(packet.value for packet in packets)),
        (6000, 509_148),
    )


def _evens(count: int) -> Iterator[int]:
    for number in range(count):
        if not number & 1:
            yield number


def generators() -> None:
    _check("generators", sum(number + 1 for number in _evens(40_000)), 400_000_000)


def strings() -> None:
    parts = []
    for number in range(8_000):
        parts.append(f"{number % 10}:{number}")
        if "7" in parts[-1]:
            parts[-1] = parts[-1].upper() + ";"
    text = ",".join(parts)
    _check("strings", (len(text), text.count(";")), (57_786, 2897))


def dicts() -> None:
    counts: dict[int, int] = {}
    for number in range(30_000):
        key = number * number % 997
        counts[key] = counts.get(key, 0) + 1
    _check("dicts", (len(counts), max(counts.values())), (499, 61))


def lists() -> None:
    """Run the sieve of Eratosthenes, element by element."""
    sieve = [True] * 20_000
    for number in range(2, 142):
        if sieve[number]:
            for multiple in range(number * number, len(sieve), number):
                sieve[multiple] = False
    _check("lists", sum(sieve) - 2, 2262)


def _fibonacci(number: int) -> int:
    return number if number < 2 else _fibonacci(number - 1) + _fibonacci(number - 2)


def calls() -> None:
    _check("calls", _fibonacci(18), 2584)


_EXPRESSION = "+".join(f"({number}*3-{number % 7})*(2+{number % 5})" for number in range(60))


def _sum_of(text: str, at: int) -> tuple[int, int]:
    value, at = _product_of(text, at)
    while at < len(text) and text[at] in "+-":
        sign = text[at]
        other, at = _product_of(text, at + 1)
        value = value + other if sign == "+" else value - other
    return value, at


def _product_of(text: str, at: int) -> tuple[int, int]:
    value, at = _atom_of(text, at)
    while at < len(text) and text[at] == "*":
        other, at = _atom_of(text, at + 1)
        value *= other
    return value, at


def _atom_of(text: str, at: int) -> tuple[int, int]:
    if text[at] == "(":
        value, at = _sum_of(text, at + 1)
        return value, at + 1
    value = 0
    while at < len(text) and text[at].isdigit():
        value = value * 10 + ord(text[at]) - 48
        at += 1
    return value, at


def parser() -> None:
    """Parse expressions by recursive descent, character by character."""
    for _ in range(4):
        _check("parser", _sum_of(_EXPRESSION, 0)[0], 20_903)


_RECORDS = [
    {"id": number, "name": f"record {number}", "tags": ["a", "b"], "share": number / 8}
    for number in range(150)
]


def json_lines() -> None:
    """Encode and decode records one by one: the codec is in C, but the loop around it is not."""
    total = 0.0
    for record in _RECORDS:
        again = json.loads(json.dumps(record))
        total += again["share"] + len(again["name"])
    _check("json_lines", total, 2786.875)


_LOG = "\n".join(
    f"2026-11-{number % 28 + 1:02d} host{number % 9} GET /items/{number} {200 + number % 3}"
    for number in range(300)
)
_LINE = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\w+) GET /items/(\d+) (\d{3})")


def regex() -> None:
    total = sum(int(match[5]) for match in _LINE.finditer(_LOG) if match[6] == "200")
    _check("regex", total, 14_850)


def in_c() -> None:
    """Compress and hash: all of this work is done in C, so the JIT has nothing to compile."""
    data = bytes(range(256)) * 300
    for _ in range(3):
        _check("in_c", zlib.decompress(zlib.compress(data, 1)) == data, True)
        _check("in_c", hashlib.sha256(data).hexdigest()[:8], "f8b0585e")


def in_out() -> None:
    """Write and read small files: the time is spent in the operating system."""
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "x")
        for number in range(40):
            with open(name, "wb") as file:
                file.write(b"x" * number)
            with open(name, "rb") as file:
                _check("in_out", len(file.read()), number)


# bench/quick_suite.py, which the host imports, must have the same names in the same order.
PROGRAMS: dict[str, Callable[[], None]] = {
    program.__name__: program
    for program in (
        *(float_loop, int_loop, nbody, objects, generators, strings, dicts, lists),
        *(calls, parser, json_lines, regex, in_c, in_out),
    )
}
