"""What a shell is offered, asked as argcomplete's shell function asks."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cli import Cli

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("jitbuild pro", {"probe"}),
        ("jitbuild install 3.15.0b", {"3.15.0b1", "3.15.0b2", "3.15.0b3", "3.15.0b4"}),
        ("jitbuild plan mai", {"main"}),
        ("jitbuild run 3.13 --mode s", {"stress"}),
        ("jitbuild which 3.", set()),
        ("jitbuild cache cl", {"clear"}),
        ("jitbuild bench 3.15 --benchmarks fl", {"float_loop"}),
        ("jitbuild bench 3.15 --suite p", {"pyperformance"}),
        ("jitbuild bench 3.15 --suite pyperformance --benchmarks d", {"default"}),
        ("jitbuild bench 3.15 --pytest", {"--pytest-benchmark"}),
        ("jitbuild cache clear st", {"stencils"}),
    ],
)
def test_offers(tmp_path, line, offered):
    env = {
        **Cli(tmp_path / "home").env,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": " ",
        "COMP_TYPE": "9",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "offers"),
    }
    subprocess.run([sys.executable, "-m", "jitbuild"], env=env, check=True, capture_output=True)
    assert {word.strip() for word in (tmp_path / "offers").read_text().split()} == offered
