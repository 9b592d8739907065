"""The paths of the scripts that run in the interpreter under test. The host never imports them."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "in_target"
WORKER = _FOLDER / "bench_worker.py"
SUITE_WORKER = _FOLDER / "bench_suite.py"
PYTEST_RUN = _FOLDER / "bench_pytest.py"
INSPECT = _FOLDER / "bench_inspect.py"
SUITE_LISTING = _FOLDER / "bench_listing.py"
PROGRAMS = _FOLDER / "bench_programs.py"
