"""A small manifest of pyperformance for tests."""

from __future__ import annotations

import json

from jitbuild.bench import pyperformance

LISTED = {
    "version": "1.14.0",
    "benchmarks": [
        {
            "name": name,
            "script": f"/b/bm_{name}/run_benchmark.py",
            "options": options,
            "requirements": "",
            "tags": tags,
            "python": "",
        }
        for name, options, tags in (
            ("nbody", [], ["math"]),
            ("logging", [], []),
            ("pickle_list", ["pickle_list"], ["serialize"]),
            ("pidigits", [], ["math"]),
        )
    ],
    "groups": {
        "all": ["logging", "nbody", "pickle_list", "pidigits"],
        "default": ["logging", "nbody", "pidigits"],
        "math": ["nbody", "pidigits"],
    },
}
MANIFEST = pyperformance.parse_manifest(json.dumps(LISTED))
