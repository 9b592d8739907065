"""Commands that are started without stdin, stdout or stderr, as `jitbuild list >&-` does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cli import Cli

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.name != "posix", reason="POSIX"),
]


@pytest.mark.parametrize("closing", ["2>&-", "<&- >&- 2>&-"])
def test_a_command_without_streams_ends_as_usual(tmp_path, debian_pythons, closing):
    cli = Cli(tmp_path / "home")
    for words in (f"adopt {debian_pythons['3.15']}", "run 3.15 -- -c 'print(1)'", "cache"):
        done = subprocess.run(
            ["sh", "-c", f'"$0" -m jitbuild {words} {closing}', sys.executable],
            env=cli.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "registered" not in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
