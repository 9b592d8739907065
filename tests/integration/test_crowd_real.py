"""Thirty-two commands at once on one store, after an adopted interpreter was upgraded.

JITBUILD_TEST_CROWD_SECONDS is the time after which no further upgrade is made (default: 0, which
means two upgrades).
"""

from __future__ import annotations

import collections
import json
import os
import time
from pathlib import Path

import pytest
from cli import Cli

from jitbuild.errors import NotInstalledError

pytestmark = pytest.mark.integration

SECONDS = float(os.environ.get("JITBUILD_TEST_CROWD_SECONDS", "0"))
PROCESSES = 32
LEAST_UPGRADES = 2


def commands(program: Path, other: Path, other_name: str) -> list[tuple[object, ...]]:
    """Return the commands of the crowd.

    `program` is always adopted, and `other`, an interpreter that is named `other_name`, sometimes.
    Both fit >=3.14 at any time.
    """
    return [
        ("which", ">=3.14"),
        ("list", "--json"),
        ("run", ">=3.14", "--mode", "on", "--", "-c", "import sys; print(sys.version)"),
        ("which", ">=3.14", "--jit", "yes-off"),
        ("adopt", program),
        ("prune",),
        ("install", ">=3.14"),
        ("cache", "--json"),
        ("adopt", other),
        ("uninstall", other_name),
    ]


def accepted_codes(command: tuple[object, ...]) -> set[int]:
    """Return 0, and for uninstall also the code that says that there was nothing to remove."""
    return {0, NotInstalledError.exit_code} if command[0] == "uninstall" else {0}


def test_a_crowd_of_commands_after_an_upgrade_has_no_failure(
    tmp_path: Path, debian_pythons: dict[str, Path]
) -> None:
    cli, link = Cli(tmp_path / "home"), tmp_path / "python"
    link.symlink_to(debian_pythons["3.15"])
    cli("adopt", link)
    other = debian_pythons["3.14"]
    (adopted,) = cli("adopt", other, "--json").json()
    mixed = commands(link, other, adopted["name"])
    results: collections.Counter[str] = collections.Counter()
    failures, begun, upgrades = [], time.monotonic(), 0
    while upgrades < LEAST_UPGRADES or time.monotonic() - begun < SECONDS:
        upgrades += 1
        link.with_name("new").symlink_to(debian_pythons["3.14" if upgrades % 2 else "3.15"])
        link.with_name("new").replace(link)
        crowd = [
            (command, cli.start(*command))
            for command in (mixed[number % len(mixed)] for number in range(PROCESSES))
        ]
        for command, process in crowd:
            _, err = process.communicate()
            results[f"{command[0]} {process.returncode}"] += 1
            if process.returncode not in accepted_codes(command) or "Traceback" in err:
                failures.append((command, process.returncode, err))
    print(json.dumps({"upgrades": upgrades, **results}))
    assert failures == []
    registered = [each for each in cli("list", "--json").json() if each["executable"] == str(link)]
    assert [each["state"] for each in registered] == ["proven"]
    assert [*(tmp_path / "home" / "scratch").iterdir()] == []
