"""Texts that a person or a file can contain, and that programs stumble over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

REQUESTS = (
    *("3.15", "3.15.0b2", "3.15t", "3.14.2", "3.13", ">=3.14,<3.16", "~=3.14.0", "main", "cp315"),
    *("3.15-dev", "cpython-3.15.2-jit-fast-93a23b85", "./tree", "./tree@HEAD", "archive.tar.xz"),
    *("git+https://bob:secret@host/x.git@main", "git+file:///nowhere@v1", "~nobody/x", "~/x@main"),
    *("https://host/Python-3.15.0.tgz", "python3.15", "pypy3.11", "3.15+jit", "latest", "../..@x"),
)
PIECES = (
    *("\0", "\r", "\n", "\t", "\x1b[31m", "\udcff", "\ud800", "\u202e", "\ufeff", "\U0001f40d"),
    *("~", "~nobody", "~nobody/x", "~\udcff", "..", "../", "/", "//", "\\", "C:\\", "@", ":", "::"),
    *("://", "file://", "http://[", "http://h:99999/", "git+", "git+ssh://-oProxy", "?a=b", "#x"),
    *("%", "%00", "%s", "{x}", "{", "}", "$(x)", "`", "'", '"', "*", "[", "]", "[!", "(", "\\d+("),
    *("-", "--", "-1", "--json", "+", "=", ",", ";", "!", "|", "^", "<", ">=", "==", "~=3", "!=*"),
    *("\u0663.\u0661\u0665", "3.15\u00b2", "9" * 400, "1e999", "-0", "nan", "inf", "0x1", "1_0"),
    *(
        "a" * 300,
        "a/" * 300,
        "d/" * 1500,
        "a-" * 30_000,
        "https://h/?" * 5000,
        "##[add-mask]",
        " ",
        "",
        "None",
        "true",
        "\u00e4",
        "I\u0307",
        "\x7f",
    ),
)
# No file can be created below it.
_ABSOLUTE = "/dev/null/x"


def text(rng: random.Random, seeds: Sequence[str] = REQUESTS) -> str:
    """Return one of `seeds`, in most cases changed, or a text that consists of hostile pieces."""
    kind = rng.random()
    if kind < 0.2:
        return rng.choice(seeds)
    if kind < 0.4:
        found = "".join(rng.choices(PIECES, k=rng.randint(1, 4)))
    else:
        found = rng.choice(seeds)
        for _ in range(rng.randint(1, 3)):
            found = _changed(rng, found, seeds)
    if os.name == "posix" and os.geteuid() == 0:
        found = found.replace("~nobody", "~no_such_user")  # root can create nobody's home folder
    return _ABSOLUTE + found if found.strip().startswith(("/", "file:")) else found


def _changed(rng: random.Random, seed: str, seeds: Sequence[str]) -> str:
    begin = rng.randint(0, len(seed))
    end = min(len(seed), begin + rng.randint(0, 3))
    new = rng.choice(
        [rng.choice(PIECES), rng.choice(seeds), seed[begin:end] * 2, chr(rng.randint(1, 0x10FFFF))]
    )
    return seed[:begin] + new + seed[end:]


def argument(rng: random.Random, seeds: Sequence[str] = REQUESTS) -> str:
    """Return a text that a system passes to a program, so without NUL."""
    return os.fsdecode(text(rng, seeds).replace("\0", "\x01").encode("utf-8", "surrogatepass"))


def value(rng: random.Random, depth: int = 0) -> Any:
    """Return any value that TOML and JSON have."""
    scalars = [
        *(True, False, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 10**25, 0.0, -0.0, 1e308, 1e-308),
        *(float("inf"), float("-inf"), float("nan"), "", text(rng), text(rng)),
    ]
    kind = rng.random()
    if depth < 3 and kind < 0.15:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    if depth < 3 and kind < 0.3:
        return {text(rng): value(rng, depth + 1) for _ in range(rng.randint(0, 3))}
    return rng.choice(scalars)


def changed(rng: random.Random, plain: Any) -> Any:
    """Return a copy of `plain`, a value of TOML or JSON, with another value somewhere in it."""
    if rng.random() < 0.15:
        return value(rng)
    if isinstance(plain, dict) and plain:
        return _changed_table(rng, plain)
    if isinstance(plain, list) and plain:
        index = rng.randrange(len(plain))
        new = [] if rng.random() < 0.2 else [changed(rng, plain[index])]
        return [*plain[:index], *new, *plain[index + 1 :]]
    if isinstance(plain, str) and rng.random() < 0.5:
        return text(rng, [plain or "x"])
    if isinstance(plain, int | float) and rng.random() < 0.5:
        return rng.choice([-plain, plain * 10**9, plain + 1, 0])
    return value(rng)


def _changed_table(rng: random.Random, plain: dict[str, Any]) -> dict[str, Any]:
    key = rng.choice(sorted(plain))
    kind = rng.random()
    if kind < 0.1:
        return {name: content for name, content in plain.items() if name != key}
    if kind < 0.15:
        return {**plain, text(rng): value(rng)}
    return {**plain, key: changed(rng, plain[key])}


_INSERTIONS = (
    *(b"\0", b"\r", b"\xff", b"\n", b"[", b'"', b"9" * 50, b"9" * 5000, b"[" * 5000),
    *(b"a." * 20_000, b"'a'." * 20_000),
)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return `data`, a file, with a few bytes changed, inserted, repeated or cut off."""
    content = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        place = rng.randint(0, len(content))
        kind = rng.randrange(5)
        if kind == 0 and place < len(content):
            content[place] = rng.randrange(256)
        elif kind == 1:
            content[place:place] = rng.choice(_INSERTIONS)
        elif kind == 2:
            del content[place : place + rng.choice([1, 10, 1000])]
        elif kind == 3:
            content[place:place] = content[place : place + rng.choice([1, 10, 512])]
        elif rng.random() < 0.3:
            del content[place:]
    return bytes(content)
