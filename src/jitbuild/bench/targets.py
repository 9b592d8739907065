"""Where the files lie that run in the interpreter under test; nothing of them is imported here."""

from __future__ import annotations

from pathlib import Path

WORKER = Path(__file__).with_name("_worker.py")
INSPECT = Path(__file__).with_name("_inspect.py")
