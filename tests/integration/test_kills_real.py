"""SIGKILL before every call that changes the store: the store is whole after each of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD"),
]

HERE = Path(__file__).parent


def test_a_kill_before_any_call_leaves_a_whole_store(tmp_path: Path) -> None:
    """The store has the old interpreter or the new one, and the operation can be repeated."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library = tmp_path / "kills.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, HERE / "kills.c", "-ldl"], check=True
    )
    (tmp_path / "stores").mkdir()
    env = {name: text for name, text in os.environ.items() if not name.startswith("JITBUILD_")}
    done = subprocess.run(
        [sys.executable, HERE / "kill_points.py", tmp_path / "stores"],
        env=env | {"LD_PRELOAD": str(library), "XDG_CONFIG_HOME": str(tmp_path / "config")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
    )
    results = json.loads(done.stdout)
    assert {name: result["faults"] for name, result in results.items() if result["faults"]} == {}
    calls = {name: result["calls"] for name, result in results.items()}
    print(calls)
    assert min(calls.values()) > 5, calls
