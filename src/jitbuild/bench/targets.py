"""Where the files lie that run in the interpreter under test; nothing of them is imported here."""

from __future__ import annotations

from pathlib import Path

WORKER = Path(__file__).with_name("_worker.py")
INSPECT = Path(__file__).with_name("_inspect.py")
SUITE = Path(__file__).with_name("_suite.py")
LISTING = Path(__file__).with_name("_listing.py")
TESTS = Path(__file__).with_name("_tests.py")
