"""Where the files lie that run in the interpreter under test; nothing of them is imported here."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "in_target"
WORKER = _FOLDER / "bench_worker.py"
INSPECT = _FOLDER / "bench_inspect.py"
SUITE = _FOLDER / "bench_suite.py"
LISTING = _FOLDER / "bench_listing.py"
TESTS = _FOLDER / "bench_pytest.py"
