"""Source trees of CPython, configured as jitbuild configures them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from jitbuild.building.build_environment import clean_environment
from jitbuild.building.caches.configure_answers import AnswerStore
from jitbuild.building.caches.configure_key import (
    ConfigureFacts,
    folders_digest,
    search_folders,
)
from jitbuild.planning import planner
from jitbuild.planning.plan import Plan
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, parse
from jitbuild.system import process
from jitbuild.target import host

CATALOG = load_catalog()
ENVIRON = clean_environment(os.environ)


@dataclass
class ConfiguredTree:
    """A source tree in its own scratch `folder`, to configure as jitbuild does for `plan`.

    `env` is added to the variables of configure; `printed` is its output.
    """

    folder: Path
    plan: Plan
    prefix: str
    env: dict[str, str] = field(default_factory=dict)
    printed: str = ""

    @property
    def root(self) -> Path:
        return self.folder / "source"

    @property
    def config_cache(self) -> Path:
        return self.root / "config.cache"

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return the command of configure and the variables it is given."""
        values = {
            "prefix": self.prefix,
            "python": sys.executable,
            "path": ENVIRON["PATH"],
            "source": str(self.root),
        }
        (step,) = [step for step in self.plan.steps if step.name == "configure"]
        filled = step.filled(lambda name: values.get(name, str(self.folder / name)))
        return list(filled.argv), {**dict(filled.env), **self.env}

    def link(self, source: Path) -> ConfiguredTree:
        """Fill the tree with links to the files of `source`, which builds here never change."""
        shutil.copytree(source, self.root, copy_function=os.link, symlinks=True)
        (self.folder / "bin").mkdir()
        path = ENVIRON["PATH"]
        compiler = shutil.which("gcc", path=path) or shutil.which("cc", path=path)
        (self.folder / "bin" / "cc").symlink_to(os.path.realpath(compiler))
        return self

    def configure(self, *, without: str = "") -> ConfiguredTree:
        """Run configure, with its argument `without` left out."""
        argv, env = self.command()
        completed = subprocess.run(
            [arg for arg in argv if arg != without],
            cwd=self.root,
            env={**ENVIRON, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stdout[-3000:] + completed.stderr
        self.printed = completed.stdout
        return self

    def key(self) -> str:
        """Return the key of the tree's answers, as a build computes it."""
        argv, env = self.command()
        patterns = CATALOG.build.neutral_args
        ignored = {*CATALOG.build.neutral_env, *self.env}
        return ConfigureFacts(
            configure=hashlib.sha256((self.root / "configure").read_bytes()).hexdigest(),
            arguments=[
                arg for arg in argv[1:] if not any(fnmatchcase(arg, glob) for glob in patterns)
            ],
            env={name: text for name, text in env.items() if name not in ignored},
            compiler="the same",
            libc=host().libc,
            headers=folders_digest(search_folders(process.run, ENVIRON)),
            kernel="the same",
        ).key

    def keep_answers(self, store: AnswerStore) -> None:
        """Put the tree's config.cache into `store`."""
        store.put(self.key(), self.config_cache, [str(self.folder), sys.executable])

    def outputs(self) -> dict[str, str]:
        """Return the files of configure that decide the build, without the tree's location."""
        names = (
            "pyconfig.h",
            "Makefile",
            "Modules/Setup.stdlib",
            "Modules/Setup.bootstrap",
            "Misc/python.pc",
        )
        texts = {
            name: (self.root / name).read_text().replace(str(self.folder), "/folder")
            for name in names
        }
        texts["Makefile"] = texts["Makefile"].replace("'--config-cache' ", "")
        return texts


def make_plan(version: str, **axes: object) -> Plan:
    """Return the plan of a build on this machine."""
    request = parse(version)
    resolved = planner.resolve_version(request, CATALOG)
    return planner.make_plan(resolved, Axes(**axes).variant(request), host().target, CATALOG)


def configure_without_answers(
    source: Path, version: str, new_folder: Callable[[], Path]
) -> dict[str, ConfiguredTree]:
    """Configure variants of `source` without any cache, two at a time.

    Those called `own` also build test modules, and have a compiler in scratch (CC).
    """

    def configured(name: str) -> tuple[str, ConfiguredTree]:
        jit, _, own = name.partition(" ")
        folder = new_folder()
        env = {"CC": str(folder / "bin" / "cc")} if own else {}
        plan = make_plan(version, jit=jit, includes=("tests",) if own else ())
        tree = ConfiguredTree(folder, plan, f"/opt/{jit}{own}", env).link(source)
        # These two write the config.cache that tests give to others; the others are compared.
        writes_answers = name in {"yes-off", "no own"}
        return name, tree.configure(without="" if writes_answers else "--config-cache")

    names = ["yes-off", "no", "interpreter", "no own", "yes-off own"]
    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(configured, names))
