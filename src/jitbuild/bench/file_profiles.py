"""Say what the profiles and providers of two compared files mean for the comparison. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROFILE, _PROVIDER, _MODE = "jitbuild_profile", "jitbuild_provider", "jitbuild_mode"
_WARNINGS = {
    "fast": "a `fast` build, without PGO and LTO: a gain from the JIT is overstated there.",
    "debug": "a debug build: its times do not represent a release.",
    "unknown": (
        "a build whose profile is unknown: without PGO and LTO, a gain from the JIT would be "
        "overstated there."
    ),
}


def profile_warnings(files: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield warnings if the profiles or providers of two files differ, or a profile is no release.

    `files` maps the name of each file to its metadata. There is no warning about a file without a
    profile, which jitbuild did not write.
    """
    profiles = {name: str(metadata.get(_PROFILE, "")) for name, metadata in files.items()}
    if _differ([*profiles.values()]):
        yield (
            f"The build profiles of the files differ ({' and '.join(profiles.values())}), so the "
            "ratios also compare these."
        )
    providers = [str(metadata.get(_PROVIDER, "")) for metadata in files.values()]
    if _differ(providers):
        yield (
            f"The interpreters of the files have different providers ({' and '.join(providers)}), "
            "so they were built otherwise: with other compilers, libraries or options."
        )
    for profile, warning in _WARNINGS.items():
        names = [name for name, each in profiles.items() if each == profile]
        if names:
            verb = "was" if len(names) == 1 else "were"
            yield f"{' and '.join(names)} {verb} measured on {warning}"


def profile_limit(base: Mapping[str, str], other: Mapping[str, str], result: str) -> str:
    """Return a sentence on what the profiles of two files do not let the verdict say; "" if none.

    `base` and `other` have the metadata of the files, and `result` is the result of the comparison.
    There is none if a file has no profile: `profile_warnings` names the profile of the other file.
    If the two modes of a `fast` build were compared, only a gain is doubtful: a loss would be a
    loss in a release, too.
    """
    profiles = [base.get(_PROFILE, ""), other.get(_PROFILE, "")]
    if not all(profiles):
        return ""
    if _differ(profiles):
        return "Their build profiles differ, too."
    if profiles[0] == "debug":
        return "Both files are from a debug build, which says little about a release."
    if profiles[0] != "fast":
        return ""
    if (base.get(_MODE), other.get(_MODE)) == ("off", "on"):
        return (
            "Both files are from a `fast` build, which overstates the gain."
            if result == "faster"
            else ""
        )
    return "Both files are from `fast` builds, which say little about a release."


def _differ(profiles: list[str]) -> bool:
    return all(profiles) and len({*profiles}) > 1
