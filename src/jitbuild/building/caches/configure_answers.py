"""Answers of configure kept between builds: the parts of its `config.cache` that stay valid.

The key (caches/configure_key.py) decides which builds may share answers. Even if the key matches,
every configure determines the following again, because they can change while the key stays the
same:

- programs on PATH (`ac_cv_path_*`, `ac_cv_prog_CC`),
- answers that name a folder which exists for one build only,
- answers that would make configure behave differently than without a cache
  (caches/autoconf.py).
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.building.caches.autoconf import answers_to_find_again
from jitbuild.building.caches.entry_store import EntryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

# A config.cache takes about 50 kB.
_MAX_BYTES = 20_000_000
_FILE = "config.cache"
# An answer in config.cache is `name=${name=value}`, where the value may contain newlines (autoconf,
# general.m4, AC_CACHE_SAVE).
_ANSWER = re.compile(r"^(?P<name>[A-Za-z_]\w*)=\$\{(?P=name)=", re.MULTILINE)
# Locations of programs are not kept: they can change, and finding them takes almost no time.
_PROGRAM = re.compile(r"ac_cv_(path_|prog_[A-Z]|prog_ac_ct_)")
# The values of the user's variables. configure stops if the value of a variable differs from that
# in the cache (autoconf, AC_ARG_VAR).
_USER_VARIABLE = re.compile(r"ac_cv_env_(?P<name>\w+)_(set|value)")


@dataclass(frozen=True, slots=True)
class AnswerStore:
    """Answers of configure, stored in `entries`."""

    entries: EntryStore

    @classmethod
    def below(cls, store: Path) -> AnswerStore:
        """Return the answers kept in the subfolder `configure` of `store`."""
        return cls(EntryStore(store / "configure", _MAX_BYTES))

    def restore(self, key: str, config_cache: Path) -> bool:
        """Write the answers of the entry `key` to the file `config_cache`.

        Return False if there is no such entry or the file cannot be written.
        """
        entry = self.entries.get(key)
        content = entry.files.get(_FILE) if entry else None
        if content is None:
            return False
        try:
            config_cache.write_bytes(content)
        except OSError:
            with contextlib.suppress(OSError):
                config_cache.unlink()
            return False
        return True

    def put(self, key: str, config_cache: Path, temporary_paths: Iterable[str]) -> None:
        """Keep the answers in the file `config_cache` that will also be valid for later builds.

        The script `configure` must be in the same folder as the file. An answer that contains one
        of `temporary_paths` is not kept, unless it is the value of a user's variable: it is then
        kept as a reference to the value that the variable has in the next build.
        """
        try:
            text = _read(config_cache)
            script = _read(config_cache.with_name("configure"))
        except OSError:
            return
        paths = [path for path in temporary_paths if path.strip("/")]
        answers = "".join(reusable_answers(text, script, paths))
        if answers:
            self.entries.put(key, {_FILE: answers.encode("utf-8", "surrogateescape")}, {})


def reusable_answers(text: str, script: str, temporary_paths: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a config.cache that will also be valid for the next build.

    `text` is the text of that config.cache, and `script` the text of the configure script that
    wrote it. `temporary_paths` are as in `AnswerStore.put`.
    """
    records = list(_records(text))
    temporary = {name for name, record in records if any(p in record for p in temporary_paths)}
    again = answers_to_find_again(script, (name for name, _ in records))
    variables = {match["name"] for name in temporary if (match := _USER_VARIABLE.fullmatch(name))}
    for name, record in records:
        match = _USER_VARIABLE.fullmatch(name)
        if match and match["name"] in variables:
            # configure copies its environment to ac_env_* before it reads the config.cache.
            yield f"{name}=${{{name}=${name.replace('ac_cv_env_', 'ac_env_', 1)}}}\n"
        elif name not in temporary and name not in again and not _PROGRAM.match(name):
            yield f"{record.rstrip()}\n"


def affirmative_answers(names: Iterable[str]) -> str:
    """Return the text of a config.cache that answers yes to each of `names`."""
    return "".join(f"{name}=${{{name}=yes}}\n" for name in names)


def _records(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each answer in the config.cache `text`."""
    matches = list(_ANSWER.finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)]
    for match, end in zip(matches, ends, strict=False):
        yield match["name"], text[match.start() : end]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")
