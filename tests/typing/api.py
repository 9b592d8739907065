"""What the public API means to a type checker. Never run: mypy reads it, in strict mode."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, assert_type

import jitbuild
from jitbuild import (
    Axes,
    BuildOptions,
    Interpreter,
    JitbuildError,
    Outcome,
    Plan,
    Reporter,
    Stage,
    Variant,
    Verdict,
    ensure,
    ensure_all,
    installed,
    plan,
    probe,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

python = jitbuild.ensure("3.15")
assert_type(python, Interpreter)
assert_type(python.executable, Path)
assert_type(python.variant, Variant)
assert_type(python.variant.jit, Literal["yes-off", "yes", "interpreter", "no"])
assert_type(python.to_json(), dict[str, Any])

ensure(">=3.14,<3.16", jit="yes", profile="release", tail_call=True)
ensure(
    "3.15.3",
    options=BuildOptions(
        mirror="distro",
        sha256="0" * 64,
        recipes="recipes",
        llvm="managed",
        jobs=2,
        home=Path("store"),
    ),
)
ensure(
    "main",
    configure_args=["--with-trace-refs"],
    patches=[Path("a.patch"), "b.patch"],
    options=BuildOptions(upgrade=True, reinstall=True),
)
ensure("3.15", options=BuildOptions(install_deps=True, allow_missing=True))
# A misspelt option is an error.
BuildOptions(mirorr="distro")  # type: ignore[call-arg]
ensure("3.15", mirror="distro")  # type: ignore[call-arg]
ensure_all(["3.15"], [Axes()], jobs=4)  # type: ignore[call-arg]
ensure("3.15", jit="on")  # type: ignore[arg-type]
ensure("3.15", "yes")  # type: ignore[call-arg]

several = ensure_all(
    ["3.13.15", "3.14"],
    [Axes(jit="yes-off"), Axes(jit="no")],
    keep_going=False,
    options=BuildOptions(jobs=4),
)
assert_type(several, list[Outcome])
assert_type(several[0].interpreter, Interpreter | None)
assert_type(several[0].error, JitbuildError | None)

made = plan("3.15.0b2", platform="aarch64-macos", jit="no", profile="debug")
assert_type(made, Plan)
assert_type(made.key, str)
assert_type(made.variant, Variant)

assert_type(installed(), list[Interpreter])
assert_type(installed(home="store"), list[Interpreter])

verdict = probe(python.executable, expect="yes-off")
assert_type(verdict, Verdict)
assert_type(verdict.ok, bool)
assert_type(verdict.machine_code_bytes, int)
probe(python.executable, expect="on")  # type: ignore[arg-type]

try:
    jitbuild.ensure("3.15")
except JitbuildError as error:
    assert_type(error.exit_code, int)
    assert_type(error.remedy, str)


class Mine:
    """A reporter of somebody's own: the protocol is all it takes."""

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        yield self

    def advance(self, done: int, total: int | None) -> None: ...

    def detail(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


reporter: Reporter = Mine()
ensure("3.15", reporter=reporter)
ensure("3.15", reporter=print)  # type: ignore[arg-type]

jitbuild.nothing  # type: ignore[attr-defined]  # noqa: B018
