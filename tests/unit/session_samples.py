"""Samples for the tests of nox sessions: an interpreter, and facts of the probe."""

from jitbuild.probing.facts import ProbeFacts
from jitbuild.sessions.shims import SessionInterpreter

INTERPRETER = SessionInterpreter(
    name="cpython-3.15.2-jit-fast-0",
    version="3.15.2",
    executable="/it's here/python3.15",
    instance="1" * 32,
    jit="yes-off",
)
# What the probe observes when the JIT runs.
WITH_CODE = {
    "jit_enabled": True,
    "executors": 3,
    "machine_code_bytes": 4096,
    "active_iterations": 9,
}


def facts(**changed: object) -> ProbeFacts:
    """Return the facts of a 3.15.2 that has the JIT switched off."""
    plain = {
        "version": "3.15.2",
        "full_version": "3.15.2",
        "implementation": "cpython",
        "executable": "/v/bin/python",
        "prefix": "/v",
        "base_prefix": "/usr",
        "free_threaded": False,
        "debug": False,
        "platform": "linux-x86_64",
        "multiarch": "",
        "ignores_environment": False,
        "build_flags": (),
        "tracers": (),
        "jit_available": True,
        "jit_enabled": False,
        "active_iterations": 0,
        "tier2": True,
        "executors": 0,
        "machine_code_bytes": 0,
        "interpreted": False,
        "missing": None,
    }
    return ProbeFacts(**(plain | changed))
