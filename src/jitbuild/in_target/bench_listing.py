"""What pyperformance has: `python bench_listing.py FILE` writes it as JSON. Runs in the interpreter under test, where pyperformance is.

Its manifest is no public interface of pyperformance's; which of its versions is installed is pinned beside what reads this
(suite.py).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any


def main(target: str) -> None:
    version = importlib.import_module("pyperformance").__version__
    manifest = importlib.import_module("pyperformance._manifest").load_manifest(None)
    found = {
        "version": version,
        "benchmarks": [_benchmark(each) for each in manifest.benchmarks],
        "groups": {
            name: sorted(each.name for each in manifest.resolve_group(name))
            for name in sorted(manifest.groups | manifest.tags)
        },
    }
    with open(target, "w", encoding="utf-8") as file:
        json.dump(found, file)


def _benchmark(each: Any) -> dict[str, Any]:
    requirements = each.requirements_lockfile
    return {
        "name": each.name,
        "script": each.runscript,
        "options": list(each.extra_opts),
        "requirements": requirements if requirements and os.path.exists(requirements) else "",
        "tags": list(each.tags),
        "python": str(each.python),
    }


if __name__ == "__main__":
    main(sys.argv[1])
