"""What the caches spare one build, step by step: configure its answers, the stencils an LLVM, make its compiler.

What has to be done is done sooner: stencils are made with CPython's headers compiled once (hooks/quick_stencils.py), and
what configure asks most often is asked for it (caches/prefill.py).

A cache may be deleted, poisoned or wrong at any moment: what it gives is verified where it is kept (jitbuild.caches), and where
a step fails with what a cache gave, it is run once more without.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from jitbuild.building.caches import (
    ccache_settings,
    ccache_statistics,
    prefill,
    stencil_store,
)
from jitbuild.building.caches.ccache import is_ccache_failure
from jitbuild.building.caches.configure_answers import affirmative_answers
from jitbuild.building.caches.configure_key import (
    ConfigureFacts,
    folders_digest,
    search_folders,
)
from jitbuild.building.caches.stencil_key import stencil_key
from jitbuild.errors import BuildError, LLVMError
from jitbuild.system import files, process
from jitbuild.toolchain.compiler import libc_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jitbuild.building.caches.ccache import Ccache
    from jitbuild.building.caches.configure_answers import AnswerStore
    from jitbuild.building.caches.entries import CacheEntry
    from jitbuild.building.caches.stencil_store import StencilStore
    from jitbuild.building.runner import Site
    from jitbuild.planning.plan import Plan
    from jitbuild.planning.step import Step
    from jitbuild.recipes.rules import BuildRecipe
    from jitbuild.system.jobserver import JobBudget
    from jitbuild.system.process import Runner
    from jitbuild.target import Host
    from jitbuild.toolchain.compiler import CCompiler
    from jitbuild.toolchain.llvm import LLVMInstallation

_TAIL_BYTES = 1 << 16


@dataclass(kw_only=True, slots=True)
class Caching:
    """The caches of a store at work for one build (jitbuild.build: Aid). `told` says afterwards what they did.

    `budget` lends the jobs for what configure's questions are asked ahead with; without one they are not (caches/ahead.py).
    `provide_llvm` puts the LLVM where `site.llvm` says, and is called only when nothing else will do; `forecast` is the
    stencils' key in the index of what to expect (jitbuild.caches.stencils).
    """

    plan: Plan
    site: Site
    host: Host
    builds: BuildRecipe
    compiler: CCompiler
    environ: Mapping[str, str]
    stencils: StencilStore
    answers: AnswerStore
    ccache: Ccache | None
    forecast: str
    provide_llvm: Callable[[], LLVMInstallation | None]
    store: Path
    storage: str | None = None
    budget: JobBudget | None = None
    runner: Runner = process.run
    told: dict[str, Any] = field(default_factory=dict)
    _links: str = ""
    _headers: Path | None = None
    _failed: bool = False

    def path(self) -> str:
        """The folder in which cc and gcc are ccache, where there is one: CC stays `gcc` in all that the build records."""
        if self.ccache is None:
            return ""
        if not self._links:
            names = ccache_settings.compiler_names(
                " ".join(self.compiler.argv), stencils=self.plan.llvm is not None
            )
            folder = ccache_settings.link_compilers(
                self.ccache, self.site.scratch / "ccache", names, path=self.environ["PATH"]
            )
            self._links = f"{folder}{os.pathsep}"
        return self._links

    def environment(self, step: Step) -> Mapping[str, str]:
        """ccache's settings, and where the headers of the stencils are precompiled (hooks/quick_stencils.py).

        configure's tiny programs are not worth a place in ccache.
        """
        headers = {"JITBUILD_STENCILS": str(self._headers)} if self._headers else {}
        return {**self._ccache_settings(step), **headers}

    def _ccache_settings(self, step: Step) -> Mapping[str, str]:
        if self.ccache is None or self._failed:
            return ccache_settings.DISABLED
        set_ = ccache_settings.environment(
            self.ccache, store=self.store, scratch=self.site.scratch, storage=self.storage
        )
        return {**set_, **ccache_settings.DISABLED} if step.name == "configure" else set_

    def around(self, step: Step, go: Callable[[], None]) -> None:
        """Run a step with what its cache gives, and keep what it made."""
        special = {"configure": self._configure, "stencils": self._stencils}.get(step.name)
        if special is None:
            self._compile(go)
        else:
            special(step, go)

    def report(self) -> dict[str, Any]:
        """What the caches did, for the manifest: `configure` and `stencils` are hit or miss, `compiler` counts files."""
        if self.ccache is not None:
            counts = ccache_statistics.count_files(ccache_settings.stats_log(self.site.scratch))
            self.told["compiler"] = {
                "hits": counts.hits + counts.preprocessed,
                "misses": counts.misses,
            }
        return self.told

    def _compile(self, go: Callable[[], None]) -> None:
        """Compile; once more without ccache where it was that which failed (its folder was deleted at the wrong moment)."""
        try:
            go()
        except BuildError:
            if self.ccache is None or self._failed or not _blames_ccache(self.site.log):
                raise
            self._failed = True
            go()

    def _configure(self, step: Step, go: Callable[[], None]) -> None:
        cache = self.site.source / "config.cache"
        key = self._configure_key(step)
        # One that came with the sources is of another machine, or of nobody knows what.
        cache.unlink(missing_ok=True)
        hit = bool(key) and self.answers.restore(key, cache)
        given = hit or self._ask_ahead(step, cache)
        try:
            go()
        except BuildError:
            if not given:
                raise
            cache.unlink(missing_ok=True)
            hit = False
            go()
        if key and not hit:
            gone = [
                self.site.scratch,
                self.site.python,
                *([self.site.llvm] if self.site.llvm else []),
            ]
            self.answers.put(key, cache, map(str, gone))
        self._count("configure", self.answers.entries.record_lookup, hit=hit)

    def _ask_ahead(self, step: Step, cache: Path) -> bool:
        """Write answers of our own into the config.cache `cache`, which is not there yet; whether there are any.

        Not where a flag that programs are compiled with is known only while the build runs, nor on macOS, where nobody has
        compared what comes of it.
        """
        flags = _flags_of(step)
        if self.budget is None or not self.host.libc or any("{" in flag for flag in flags.values()):
            return False
        compiling = prefill.ConfigureCompiler(
            argv=self.compiler.argv,
            flags=[
                word
                for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS")
                for word in flags.get(name, "").split()
            ],
            libraries=flags.get("LIBS", "").split(),
            environ=self.environ,
            runner=self.runner,
        )
        try:
            asked = prefill.questions_of(
                cache.with_name("configure").read_text(encoding="utf-8", errors="surrogateescape")
            )
            with self.budget.share(self.budget.jobs) as share:
                answers = prefill.positive_answers(
                    asked, compiling, self.site.scratch / "prefill", jobs=share.jobs
                )
            cache.write_text(affirmative_answers(answers), encoding="utf-8")
        except OSError:
            cache.unlink(missing_ok=True)
            return False
        return bool(answers)

    def _configure_key(self, step: Step) -> str:
        """The key of configure's answers; empty where the compiler does not say in which folders it finds headers."""
        neutral = self.builds.neutral_args
        arguments = [
            arg
            for arg in step.argv[1:]
            if not any(fnmatchcase(arg, pattern) for pattern in neutral)
        ]
        env = {name: value for name, value in step.env if name not in self.builds.neutral_env}
        folders = search_folders(
            self.runner, {**self.environ, "CC": shlex.join(self.compiler.argv)}
        )
        if not folders:
            return ""
        return ConfigureFacts(
            configure=hashlib.sha256((self.site.source / "configure").read_bytes()).hexdigest(),
            arguments=arguments,
            env={**env, "PATH": self.environ.get("PATH", "")},
            compiler=self.compiler.text,
            libc=libc_of(self.host),
            headers=folders_digest(folders),
            kernel=self.host.kernel,
        ).key

    def _stencils(self, _step: Step, go: Callable[[], None]) -> None:
        assert self.plan.llvm is not None
        tree = self.site.source
        key = stencil_key(
            tree,
            llvm_major=self.plan.llvm.major,
            libc=libc_of(self.host),
            ignored_folders=[self.site.scratch],
        )
        entry = self.stencils.restore(tree, key)
        found = None
        if entry is None:
            found = self.provide_llvm()
            self._make_stencils(go)
        else:
            try:
                self._compile(go)
            except BuildError as error:  # build.py did not take it, and looked for an LLVM; or it fails whatever we do
                found = self._llvm_after(error)
                self._make_stencils(go)
        hit = entry is not None and stencil_store.is_unchanged(tree, entry)
        if hit:
            stencil_store.mark_up_to_date(tree)
        if hit and entry:
            facts = {"llvm": entry.facts.get("llvm", "")}
        else:
            found = found or self.provide_llvm()
            facts = {"llvm": found.version if found else ""}
        # On a hit too: this forecast may be a new one.
        self.stencils.put(tree, key, self.forecast, facts)
        self._count("stencils", self.stencils.entries.record_lookup, hit=hit)
        self.told["llvm"] = facts["llvm"]

    def _make_stencils(self, go: Callable[[], None]) -> None:
        """Make them with headers that are compiled once; without, where that was tried and did not end well."""
        headers = self.site.scratch / "headers"
        with files.store_errors(headers):
            headers.mkdir(parents=True, exist_ok=True)
        self._headers = headers
        try:
            self._compile(go)
        except BuildError:
            if not any(headers.glob("*.pch")):
                raise
            self._headers = None
            self._compile(go)
        self._headers = None

    def _llvm_after(self, error: BuildError) -> LLVMInstallation | None:
        """An LLVM, since the stencils that were kept did not do; where none can be had, `error` is what is wrong."""
        try:
            return self.provide_llvm()
        except LLVMError as lacking:
            raise BuildError(
                f"{error.what}\n{lacking.what}", remedy=f"{error.remedy}\n{lacking.remedy}"
            ) from error

    def _count(self, name: str, count: Callable[..., None], *, hit: bool) -> None:
        count(hit=hit)
        self.told[name] = "hit" if hit else "miss"


def _flags_of(step: Step) -> dict[str, str]:
    """The variables that configure is given: those of its environment, and on its command line, which come first."""
    words = (arg.partition("=") for arg in step.argv[1:] if not arg.startswith("-"))
    given = {**dict(step.env), **{name: value for name, equals, value in words if equals}}
    return {
        name: given[name] for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "LIBS") if name in given
    }


def _blames_ccache(log: Path) -> bool:
    """Whether the end of a build's log says that ccache itself failed."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return any(map(is_ccache_failure, file.read().decode("utf-8", "replace").splitlines()))


def foreseen(plan: Plan, stencils: StencilStore, forecast: str) -> CacheEntry | None:
    """The stencils that this build will need, if they are kept: then no LLVM is looked for.

    Not where an LLVM is needed anyway: as the compiler of the tail-calling interpreter, and between the two passes of PGO, whose
    `make clean` takes the stencils with it before 3.13.15 and 3.14.3 (gh-141808).
    """
    if (
        plan.llvm is None
        or plan.llvm.bundled
        or plan.variant.tail_call
        or plan.variant.profile == "release"
    ):
        return None
    return stencils.predict(forecast)
