"""Read the dependency groups of the current project (PEP 735)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.errors import UsageError
from jitbuild.settings import project_file
from jitbuild.system.parsing import parse_toml
from jitbuild.system.small_file import read_small
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dependency_groups import DependencyGroupResolver


class DependencyGroup(NamedTuple):
    """A dependency group: its name as it was requested, and its requirements, as for pip."""

    name: str
    requirements: tuple[str, ...]


def read_groups(names: Sequence[str], folder: Path | None = None) -> tuple[DependencyGroup, ...]:
    """Return the dependency groups `names` of the project in `folder`.

    The groups are those of the pyproject.toml in `folder` or in the nearest folder above it; None
    stands for the current folder. Names are compared in their normalised form. Raises UsageError if
    there is no such file, if it has no such group, or if a group is not as PEP 735 defines.
    """
    if not names:
        return ()
    file = project_file(folder)
    if file is None:
        raise UsageError(
            f"--group {names[0]}: there is no pyproject.toml in this folder or in one above it.",
            remedy="Run the command in the folder of the project.",
        )
    resolver = _resolver(file)
    return tuple(DependencyGroup(name, _resolve(resolver, name, file)) for name in names)


def group_names(folder: Path | None = None) -> list[str]:
    """Return the names of the project's dependency groups; [] if they cannot be read.

    The project is that of `read_groups`.
    """
    file = project_file(folder)
    try:
        return [] if file is None else list(_table(file))
    except UsageError:
        return []


def extra_names(folder: Path | None = None) -> list[str]:
    """Return the names of the extras that the project's pyproject.toml lists.

    The project is that of `read_groups`. Return [] if the file cannot be read. Extras that the
    project's build backend computes are not listed.
    """
    file = project_file(folder)
    try:
        project = {} if file is None else _read(file).get("project", {})
        return list(project.get("optional-dependencies", {}))
    except (UsageError, AttributeError, TypeError):
        return []


def _read(file: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_small(file).decode())
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", remedy="Correct the file.") from error


def _table(file: Path) -> dict[str, Any]:
    """Return the groups by their names; raise UsageError if the file cannot be read."""
    table = _read(file).get("dependency-groups", {})
    if not isinstance(table, dict):
        raise UsageError(
            f"[dependency-groups] in {file} is not a table.", remedy="Correct the file (PEP 735)."
        )
    return table


def _resolver(file: Path) -> DependencyGroupResolver:
    from dependency_groups import DependencyGroupResolver

    try:
        return DependencyGroupResolver(_table(file))
    except ValueError as error:  # two names are equal in their normalised form
        raise _invalid(file, error) from error


def _resolve(resolver: DependencyGroupResolver, name: str, file: Path) -> tuple[str, ...]:
    known = list(resolver.dependency_groups)
    try:
        resolver.lookup(name)
    except LookupError as error:
        listed = f"Its groups are: {', '.join(known)}." if known else "It has no groups."
        raise UsageError(
            f"--group {name}: {file} has no such dependency group. {listed}",
            remedy=f"{did_you_mean(name, known)}Name a group of [dependency-groups].",
        ) from error
    except (ValueError, TypeError) as error:
        raise _invalid(file, error) from error
    try:
        return tuple(map(str, resolver.resolve(name)))
    except (LookupError, ValueError, TypeError) as error:
        raise _invalid(file, error) from error


def _invalid(file: Path, error: Exception) -> UsageError:
    reason = str(error.args[0] if isinstance(error, LookupError) else error).rstrip(".")
    return UsageError(
        f"[dependency-groups] in {file} is invalid: {reason}.",
        remedy="Correct the file (PEP 735).",
    )
