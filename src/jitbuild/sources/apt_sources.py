"""The machine's apt sources, read from files in either format of sources.list(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jitbuild.system import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMPONENTS = {"main", "universe"}  # the components with Debian's and Ubuntu's Pythons
# The options that decide whether apt trusts an archive. They are copied from the machine's sources.
_TRUST = {
    "signed-by",
    "trusted",
    "allow-insecure",
    "allow-weak",
    "check-valid-until",
    "check-date",
    "snapshot",
}
_KEYRINGS = ("debian-archive", "ubuntu-archive")
_ONE_LINE = re.compile(
    r"(?:deb|deb-src)\s+(?:\[(?P<options>[^]]*)\]\s+)?"
    r"(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AptSource:
    """A source of packages.

    `options` are (name, value) pairs; each name is in lower case and one of _TRUST.
    """

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def as_stanza(self) -> str:
        """Return this source as a stanza in the deb822 format, for source packages only."""
        fields = {
            "Types": "deb-src",
            "URIs": " ".join(self.uris),
            "Suites": " ".join(self.suites),
            "Components": " ".join(self.components),
            **dict(self.options),
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def read_sources(etc: Path) -> tuple[AptSource, ...]:
    """Return the sources of Debian's or Ubuntu's packages that files below `etc` (/etc/apt) list.

    If sources signed with the distribution's own keyring exist, only these are returned, because
    repositories of third parties may also call their component main.
    """
    with files.store_errors(etc):
        usable = [
            replace(source, components=_with_pythons(source))
            for source in _all_sources(etc)
            if _with_pythons(source) and not any(uri.startswith("cdrom:") for uri in source.uris)
        ]
    official = [source for source in usable if _is_official(source)]
    return tuple(dict.fromkeys(official or usable))


def parse_stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each stanza of a text in the deb822 format, by lower-case name.

    A value that spans several lines keeps its line breaks and its indentation.
    """
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in re.split(r"\n[ \t]*\n", uncommented):
        fields: dict[str, str] = {}
        for field in re.finditer(r"^(\S[^:]*):[ \t]*(.*(?:\n[ \t].*)*)", block, re.MULTILINE):
            fields[field[1].lower()] = field[2]
        if fields:
            yield fields


def _all_sources(etc: Path) -> Iterator[AptSource]:
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]:
        if path.is_file():
            yield from _parse_one_line_format(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        yield from _parse_deb822(path.read_text(encoding="utf-8", errors="replace"))


def _with_pythons(source: AptSource) -> tuple[str, ...]:
    return tuple(name for name in source.components if name in _COMPONENTS)


def _is_official(source: AptSource) -> bool:
    signed_by = dict(source.options).get("signed-by", "")
    return any(keyring in signed_by for keyring in _KEYRINGS)


def _parse_one_line_format(text: str) -> Iterator[AptSource]:
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match is None:
            continue
        options = (option.partition("=") for option in (match["options"] or "").split())
        yield AptSource(
            uris=(match["uri"],),
            suites=(match["suite"],),
            components=tuple(match["components"].split()),
            options=tuple(
                (name.lower(), value.replace(",", " "))
                for name, _, value in options
                if name.lower() in _TRUST
            ),
        )


def _parse_deb822(text: str) -> Iterator[AptSource]:
    for fields in parse_stanzas(text):
        if fields.get("enabled", "yes").lower() in {"no", "false", "0"} or "uris" not in fields:
            continue
        yield AptSource(
            uris=tuple(fields["uris"].split()),
            suites=tuple(fields.get("suites", "").split()),
            components=tuple(fields.get("components", "").split()),
            options=tuple((name, value) for name, value in fields.items() if name in _TRUST),
        )
