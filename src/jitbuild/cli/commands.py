"""The commands as `jitbuild --help` lists them. Each command is a module of this package."""

from __future__ import annotations

# The words after `jitbuild recipes` that are not requests.
RECIPE_ACTIONS = ("update", "check")
RECIPE_PREBUILT = "prebuilt"

GROUPS: dict[str, dict[str, str]] = {
    "interpreters": {
        "install": "build interpreters, prove their JIT and add them to the store",
        "adopt": "register an interpreter that is already on this machine, after probing it",
        "export": "write an interpreter of the store into a file, for another machine",
        "import": "add an interpreter from a file that export wrote, after proving its JIT",
        "list": "list the interpreters in the store",
        "which": "print the path of an interpreter in the store",
        "push": "upload interpreters or stencils to an OCI registry",
        "pull": "get proven interpreters from an OCI registry",
        "lock": "write jitbuild.lock, the digests of the interpreters in a registry",
        "uninstall": "remove interpreters from the store; adopted ones are only unregistered",
    },
    "run and compare": {
        "run": "run a command with an interpreter of the store",
        "diff": "compare a command with the JIT off and on; exit 1 if something differs",
        "bench": "measure the speed of the JIT, and how far the result can be trusted",
    },
    "inspect": {
        "plan": "show how install would build an interpreter, for any platform",
        "doctor": "check this machine for what a build needs; exit 1 if a required part is missing",
        "probe": "prove an interpreter's JIT by its machine code; exit 1 if a check fails",
        "recipes": "list the known releases and their pins; get new ones from python.org",
        "bugs": "list the known JIT bugs of a release, and the release that fixes them",
        "config": "show every setting and where its value comes from",
    },
    "maintain the store": {
        "cache": "show the size and hits of the caches, or clear them",
        "repair": "repair interpreters of a store that was copied or moved",
        "prune": "remove superseded interpreters, old logs and other leftovers",
    },
    "continuous integration": {
        "matrix": "print the jobs of a CI pipeline: interpreters to build, and sessions to run",
        "ci": "run a step of the setup-jitbuild action",
    },
}
COMMANDS: dict[str, str] = {
    name: summary for commands in GROUPS.values() for name, summary in commands.items()
}
# The modules of commands whose names are keywords of Python.
MODULES = {"import": "import_"}
# Commands that accept a command after `--`.
TAKE_COMMAND = frozenset({"run", "diff", "bench"})
# Short commands that are run often. They import as little as possible, and run without the signal
# handlers of jitbuild.system.signals and without garbage collection.
LIGHT = frozenset({"which", "list", "run", "config"})
