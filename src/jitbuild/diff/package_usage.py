"""Count the functions of the packages under test that got machine code, by mode. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.modes import JIT_MODES
from jitbuild.running.witness_verdict import THRESHOLD, tracer_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.test_record import CodeUsage
    from jitbuild.modes import Mode

_STOPPING_TRACERS = frozenset({"sys.settrace", "sys.setprofile"})


class PackageCount(NamedTuple):
    """The code objects of a package that existed, and those that got machine code."""

    name: str
    code_objects: int
    compiled: int
    executors: int
    machine_code_bytes: int

    @property
    def sentence(self) -> str:
        """The count as text: `of your package x, 1 of 2 functions got machine code`."""
        if not self.code_objects:
            return f"of your package {self.name}, no function was imported"
        counted = f"{self.compiled} of {self.code_objects} functions"
        return f"of your package {self.name}, {counted} got machine code"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeUsage:
    """The counts of all packages under test, in all runs of a mode.

    `tracers` are those that were set in these runs, and that keep code out of the JIT.
    """

    mode: Mode
    packages: tuple[PackageCount, ...]
    tracers: tuple[str, ...] = ()

    @property
    def compiled(self) -> bool:
        """True if any function of the packages got machine code."""
        return any(package.compiled for package in self.packages)

    def to_json(self) -> dict[str, Any]:
        """Return the value of this mode under `packages` in the JSON report."""
        return {
            package.name: {
                name: value for name, value in package._asdict().items() if name != "name"
            }
            for package in self.packages
        }


def package_usage(runs: Sequence[CommandRun], modes: Sequence[Mode]) -> tuple[ModeUsage, ...]:
    """Return the usage of each mode in which at least one run was measured."""
    measured = {
        mode: [usage for run in runs if run.mode == mode for usage in run.usage] for mode in modes
    }
    return tuple(_mode_usage(mode, usages) for mode, usages in measured.items() if usages)


def _mode_usage(mode: Mode, usages: Sequence[CodeUsage]) -> ModeUsage:
    """Merge the processes of a mode: a code object counts with its largest numbers."""
    code: dict[tuple[str | int, ...], tuple[int, int]] = {}
    for usage in usages:
        for place, count in usage.code.items():
            known = code.get(place, (0, 0))
            code[place] = (max(known[0], count[0]), max(known[1], count[1]))
    names = sorted({name for usage in usages for name in usage.packages})
    interpreted = any(usage.built == "interpreter" for usage in usages)
    counts = [
        (name, [count for place, count in code.items() if place[0] == name]) for name in names
    ]
    tracers = {tracer for usage in usages for tracer in usage.tracers}
    return ModeUsage(
        mode=mode,
        packages=tuple(
            PackageCount(
                name,
                len(found),
                # A build that interprets micro-ops has executors without machine code.
                sum(bool(executors if interpreted else size) for executors, size in found),
                sum(executors for executors, _ in found),
                sum(size for _, size in found),
            )
            for name, found in counts
        ),
        tracers=tuple(sorted(tracers & _STOPPING_TRACERS)),
    )


class PackageNotCompiled(NamedTuple):
    """The packages of which nothing was compiled, and the likely reason."""

    packages: tuple[str, ...]
    reason: str

    @property
    def sentence(self) -> str:
        """The fact, its meaning and the reason, as one sentence."""
        noun = "package" if len(self.packages) == 1 else "packages"
        return (
            f"No function of your {noun} {', '.join(self.packages)} got machine code, so this may "
            f"say nothing about the JIT: {self.reason}."
        )


def package_not_compiled(usages: Sequence[ModeUsage], version: str) -> PackageNotCompiled | None:
    """Return the reason why no code of the packages got machine code in the modes with the JIT.

    Return None if some code did, or if that is not known. `version` is that of the interpreter.
    """
    compiling = [usage for usage in usages if usage.mode in JIT_MODES and usage.packages]
    if not compiling or any(usage.compiled for usage in compiling):
        return None
    names = tuple(package.name for package in compiling[0].packages)
    tracers = sorted({tracer for usage in compiling for tracer in usage.tracers})
    if tracers:
        reason = tracer_reason(tracers, version)
    elif not any(package.code_objects for usage in compiling for package in usage.packages):
        reason = "the tests did not import it; if your package has another name, use --package NAME"
    else:
        reason = THRESHOLD
    return PackageNotCompiled(names, reason)


def usage_notes(
    usages: Sequence[ModeUsage], modes: Sequence[Mode], *, pytest: bool
) -> tuple[str, ...]:
    """Return the notes about what the counts do not cover; `pytest`: the command runs pytest."""
    if not pytest or not JIT_MODES & set(modes):
        return ()
    unknown = [mode for mode in modes if mode not in {usage.mode for usage in usages}]
    notes = [
        f"It is unknown how much of your package got machine code in mode {mode}: no pytest "
        "process of it ran to its end and could be measured."
        for mode in unknown
        if mode in JIT_MODES
    ]
    if usages and not any(usage.packages for usage in usages):
        notes.append(
            "No package of yours was found in pytest's rootdir, so it is unknown how much of it "
            "got machine code. Name it with --package NAME."
        )
    return tuple(notes)
