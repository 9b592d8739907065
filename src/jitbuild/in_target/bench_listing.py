"""Write the manifest of pyperformance to FILE as JSON: `python bench_listing.py FILE`.

This script runs in the interpreter under test, where pyperformance is installed. It imports a
private module of pyperformance, so bench/pyperformance.py pins the version.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any


def main(target: str) -> None:
    """Write the version, the benchmarks, and the benchmark names in each group and tag."""
    version = importlib.import_module("pyperformance").__version__
    manifest = importlib.import_module("pyperformance._manifest").load_manifest(None)
    listing = {
        "version": version,
        "benchmarks": [_benchmark(benchmark) for benchmark in manifest.benchmarks],
        "groups": {
            name: sorted(benchmark.name for benchmark in manifest.resolve_group(name))
            for name in sorted(manifest.groups | manifest.tags)
        },
    }
    with open(target, "w", encoding="utf-8") as file:
        json.dump(listing, file)


def _benchmark(benchmark: Any) -> dict[str, Any]:
    requirements = benchmark.requirements_lockfile
    return {
        "name": benchmark.name,
        "script": benchmark.runscript,
        "options": list(benchmark.extra_opts),
        "requirements": requirements if requirements and os.path.exists(requirements) else "",
        "tags": list(benchmark.tags),
        "python": str(benchmark.python),
    }


if __name__ == "__main__":
    main(sys.argv[1])
