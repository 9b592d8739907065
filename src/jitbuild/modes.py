"""The JIT modes for running an interpreter. A mode sets or removes all variables of the JIT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from jitbuild.errors import JitbuildError, SettingsError, UsageError, VariantError
from jitbuild.system.list_text import split_list
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Mode = Literal["off", "on", "stress", "default"]

MODES: tuple[Mode, ...] = get_args(Mode)

# The modes that switch the JIT on.
JIT_MODES: frozenset[Mode] = frozenset({"on", "stress"})
FIRST_WITH_STRESS = (3, 15)
# The prefixes of the JIT's variables, which are PYTHON_JIT and, in 3.15, also PYTHON_JIT_STRESS,
# PYTHON_JIT_*_INITIAL_*, PYTHON_JIT_FITNESS_INITIAL (3.15.2) and PYTHON_UOPS_OPTIMIZE
# (Python/pystate.c, Python/optimizer.c). PYTHON_UOPS_OPTIMIZE came with 3.14.
_PREFIXES = ("PYTHON_JIT", "PYTHON_UOPS")
_VARIABLES: dict[Mode, dict[str, str]] = {
    "off": {"PYTHON_JIT": "0"},
    "on": {"PYTHON_JIT": "1"},
    "stress": {"PYTHON_JIT": "1", "PYTHON_JIT_STRESS": "1"},
    "default": {},
}


def check(mode: Mode, what: str, *, jit: bool, series: tuple[int, int] | None, remedy: str) -> None:
    """Raise VariantError if an interpreter would silently ignore `mode`.

    `what` names the interpreter in the message. `jit` is True if the interpreter has a JIT, and
    `remedy` is the remedy if it has none. `series` is the series of its version; None if that is
    unknown.
    """
    if mode in JIT_MODES and not jit:
        raise VariantError(
            f"{what} has no JIT: it would silently ignore the mode `{mode}`.", remedy=remedy
        )
    if mode == "stress" and series is not None and series < FIRST_WITH_STRESS:
        raise VariantError(
            f"{what} has no PYTHON_JIT_STRESS, which came with 3.15.",
            remedy="Use the mode `on`, or Python 3.15 or later.",
        )


def check_known(mode: str) -> None:
    """Raise UsageError if `mode` is not a mode."""
    if mode not in MODES:
        raise _unknown(UsageError, mode)


def environment(mode: Mode, environ: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of `environ` with the variables of the JIT set or removed for `mode`."""
    others = {name: value for name, value in environ.items() if not name.startswith(_PREFIXES)}
    return others | _VARIABLES[mode]


def parse_modes(names: Iterable[str], *, origin: str = "") -> list[Mode]:
    """Return the modes in `names`.

    Each item of `names` may contain several modes, separated by commas or spaces. Raises UsageError
    for an unknown mode. If `origin` is given, `names` come from the setting with this origin.
    SettingsError is then raised instead, and also if there are no modes.
    """
    known: dict[str, Mode] = {mode: mode for mode in MODES}
    prefix = f"{origin}: " if origin else ""
    modes = []
    for name in (item for text in names for item in split_list(text)):
        if name not in known:
            raise _unknown(SettingsError if origin else UsageError, name, prefix)
        modes.append(known[name])
    if origin and not modes:
        raise SettingsError(
            f"{origin}: no mode is named.", remedy=f"Choose from: {', '.join(MODES)}."
        )
    return modes


def _unknown(kind: type[JitbuildError], name: str, prefix: str = "") -> JitbuildError:
    return kind(
        f"{prefix}{name!r} is not a mode.",
        remedy=f"{did_you_mean(name, MODES)}Choose from: {', '.join(MODES)}.",
    )
