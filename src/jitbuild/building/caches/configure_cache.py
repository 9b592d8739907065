"""Give configure known answers: answers of an earlier build, or answers determined in advance."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from jitbuild.building.caches import prefill
from jitbuild.building.caches.configure_answers import affirmative_answers
from jitbuild.building.caches.configure_key import ConfigureFacts, folders_digest, search_folders
from jitbuild.building.caches.step_cache import StepInputs
from jitbuild.system import process
from jitbuild.toolchain.compiler import libc_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jitbuild.building.caches.configure_answers import AnswerStore
    from jitbuild.errors import BuildError
    from jitbuild.planning.step import Step
    from jitbuild.recipes.rules import BuildRecipe
    from jitbuild.system.jobserver import JobBudget
    from jitbuild.system.process import Runner
    from jitbuild.target import Host
    from jitbuild.toolchain.compiler import CCompiler

_FLAG_VARIABLES = ("CFLAGS", "CPPFLAGS", "LDFLAGS", "LIBS")


@dataclass(kw_only=True, slots=True)
class ConfigureCache:
    """The configure cache at work in one build, for the source tree `tree`.

    `build` is the recipe; it lists the arguments and variables of configure that change no answer.
    Answers that contain one of `temporary_paths` are not kept. Answers are determined in advance
    with jobs from `budget`; if `budget` is None, no answers are determined in advance.
    """

    store: AnswerStore
    tree: Path
    scratch: Path
    compiler: CCompiler
    host: Host
    build: BuildRecipe
    environ: Mapping[str, str]
    temporary_paths: Sequence[Path]
    budget: JobBudget | None = None
    runner: Runner = process.run
    _key: str = field(init=False, default="")
    _restored: bool = field(init=False, default=False)
    _given: bool = field(init=False, default=False)
    _outcome: dict[str, str] = field(init=False, default_factory=dict)

    def prepare(self, step: Step) -> StepInputs:
        """Write a config.cache for configure.

        It contains the answers of an earlier build or, if there are none, answers determined in
        advance.
        """
        if step.cached_by == "configure":
            # A config.cache in the source tree was written on an unknown machine.
            self._config_cache.unlink(missing_ok=True)
            self._key = self._key_of(step)
            self._restored = bool(self._key) and self.store.restore(self._key, self._config_cache)
            self._given = self._restored or self._prefill(step)
        return StepInputs()

    def withdraw(self, step: Step, error: BuildError) -> StepInputs | None:
        """Remove the config.cache if configure failed with answers from this cache.

        Return None for any other step, and if configure had no such answers.
        """
        if step.cached_by != "configure" or not self._given:
            return None
        self._config_cache.unlink(missing_ok=True)
        self._given = self._restored = False
        return StepInputs()

    def record(self, step: Step) -> None:
        """Keep the answers that configure determined, and count the lookup as a hit or a miss.

        After a hit, the answers are already in the cache.
        """
        if step.cached_by != "configure":
            return
        if self._key and not self._restored:
            self.store.put(self._key, self._config_cache, map(str, self.temporary_paths))
        self.store.entries.record_lookup(hit=self._restored)
        self._outcome["configure"] = "hit" if self._restored else "miss"

    def report(self) -> Mapping[str, str]:
        """Return {"configure": "hit"} or {"configure": "miss"}; {} before configure has run."""
        return self._outcome

    @property
    def _config_cache(self) -> Path:
        return self.tree / "config.cache"

    def _key_of(self, step: Step) -> str:
        """Return the key of configure's answers; "" if the compiler does not list its folders.

        `step` is the step that runs configure.
        """
        command = shlex.join(self.compiler.argv)
        folders = search_folders(self.runner, {**self.environ, "CC": command})
        if not folders:
            return ""
        env = {name: text for name, text in step.env if name not in self.build.neutral_env}
        return ConfigureFacts(
            configure=hashlib.sha256((self.tree / "configure").read_bytes()).hexdigest(),
            arguments=[arg for arg in step.argv[1:] if not self._is_neutral(arg)],
            env={**env, "PATH": self.environ.get("PATH", "")},
            compiler=self.compiler.text,
            libc=libc_of(self.host),
            headers=folders_digest(folders),
            kernel=self.host.kernel,
        ).key

    def _is_neutral(self, arg: str) -> bool:
        return any(fnmatchcase(arg, pattern) for pattern in self.build.neutral_args)

    def _prefill(self, step: Step) -> bool:
        """Determine answers in advance and write them into the config.cache.

        Return False if no answer can be determined.
        """
        compiler = self._test_compiler(step)
        if self.budget is None or compiler is None:
            return False
        script = self.tree / "configure"
        try:
            text = script.read_text(encoding="utf-8", errors="surrogateescape")
            with self.budget.share(self.budget.jobs) as share:
                answers = prefill.positive_answers(
                    prefill.questions_of(text), compiler, self.scratch / "prefill", jobs=share.jobs
                )
            self._config_cache.write_text(affirmative_answers(answers), encoding="utf-8")
        except OSError:
            with contextlib.suppress(OSError):
                self._config_cache.unlink(missing_ok=True)
            return False
        return bool(answers)

    def _test_compiler(self, step: Step) -> prefill.ConfigureCompiler | None:
        """Return the compiler with the flags that configure will use for its test programs.

        Return None if a flag contains a placeholder, whose value is known only while the build
        runs. Also return None on systems other than Linux, where nobody has checked that configure
        writes the same files with prefilled answers.
        """
        flags = _flag_variables(step)
        if not self.host.libc or any("{" in text for text in flags.values()):
            return None
        return prefill.ConfigureCompiler(
            argv=self.compiler.argv,
            flags=[
                flag
                for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS")
                for flag in flags.get(name, "").split()
            ],
            libraries=flags.get("LIBS", "").split(),
            environ=self.environ,
            runner=self.runner,
        )


def _flag_variables(step: Step) -> dict[str, str]:
    """Return the variables that hold flags for configure, with their values.

    A variable among configure's arguments takes precedence over one in its environment.
    """
    assignments = (arg.partition("=") for arg in step.argv[1:] if not arg.startswith("-"))
    variables = dict(step.env) | {name: text for name, equals, text in assignments if equals}
    return {name: variables[name] for name in _FLAG_VARIABLES if name in variables}
