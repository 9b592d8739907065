"""The one orchestrator: store hit, or plan -> preflight | source | LLVM -> build -> probe -> commit. Only it knows the order."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import sys
import time
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from jitbuild import target as targets
from jitbuild.building import caching
from jitbuild.building import relocate as prefix
from jitbuild.building import runner as build
from jitbuild.building.caches import ccache
from jitbuild.building.caches.configure_answers import AnswerStore
from jitbuild.building.caches.stencil_key import forecast_key
from jitbuild.building.caches.stencil_store import StencilStore
from jitbuild.building.caching import Caching
from jitbuild.errors import (
    InterpreterError,
    JitbuildError,
    PreflightError,
    ProofError,
    VariantError,
)
from jitbuild.planning import planner
from jitbuild.probing.runner import probe
from jitbuild.request import Profile, Variant
from jitbuild.sources import obtain as source_trees
from jitbuild.sources import resolve as sources
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.store.manifest import UNSET, Fingerprint, Manifest
from jitbuild.system import files, process
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.progress import Reporter, SilentReporter
from jitbuild.toolchain import llvm, pinned_wheels
from jitbuild.toolchain.compiler import compiler_of, libc_of
from jitbuild.toolchain.install_command import run_install_command
from jitbuild.toolchain.preflight import Preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jitbuild.building.caches.ccache import Ccache
    from jitbuild.planning.plan import Plan, ResolvedRequest
    from jitbuild.probing.facts import Expect
    from jitbuild.probing.verdict import Verdict
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.request import Axes, Request
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.toolchain.compiler import CCompiler

T = TypeVar("T")

# Without these an interpreter cannot even install packages.
_ESSENTIAL = frozenset({"ssl", "zlib", "ctypes", "sqlite3"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How to provide: where sources (`mirror`) and LLVM come from, and what may be missing. None is the default.

    `caches` off builds without the stencil, configure and compiler caches: nothing is taken from them and nothing is kept.
    """

    mirror: str | None = None
    llvm: str | None = None
    jobs: int | None = None
    ccache: str | None = None
    ccache_storage: str | None = None
    caches: bool = True
    sha256: str | None = None
    upgrade: bool = False
    reinstall: bool = False
    allow_missing: bool = False
    install_deps: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one request of several: an interpreter, or the error that there was."""

    request: Request
    axes: Axes
    interpreter: Interpreter | None = None
    error: JitbuildError | None = None

    @property
    def name(self) -> str:
        """What was asked for, as far as it was stated: `3.13.15 (jit no)`."""
        return f"{self.request.text} (jit {self.axes.jit})" if self.axes.jit else self.request.text


@dataclass(frozen=True, slots=True)
class Provisioner:
    """Turns requests into proven interpreters of one store. `budget`: the jobs of whoever builds several at once."""

    store: Store
    catalog: Catalog
    options: Options = field(default_factory=Options)
    reporter: Reporter = field(default_factory=SilentReporter)
    budget: JobBudget | None = None

    def ensure(self, request: Request, axes: Axes) -> Interpreter:
        """The best interpreter of the store that fits, or a new one, proven. Raises a JitbuildError; nothing is left half-done."""
        variant = axes.variant(request)
        ArchiveOrigin.parse(self.options.mirror)  # a typo is said before anything is done
        # A pin given by hand is of the bytes: only what was built from them will do.
        if request.is_version and not (
            self.options.upgrade or self.options.reinstall or self.options.sha256
        ):
            found = self.store.find(
                request, axes.wanting_machine_code(request), refresh=self._refresh
            )
            if found is not None and self._is_whole(found):
                self.reporter.note(f"{found.name} is in the store already.")
                return found
        if request.free_threaded and axes.jit is None:
            self.reporter.note(
                f"{request.text}: a free-threaded CPython has no JIT, so this is built with --jit no."
            )
        subject = self.subject(request)
        return self.provide(
            planner.make_plan(subject, variant, targets.host().target, self.catalog), request
        )

    def ensure_all(
        self, wanted: Sequence[tuple[Request, Axes]], *, keep_going: bool = True
    ) -> list[Outcome]:
        """As `ensure` for several at once, under one budget of jobs; what became of each, in their order.

        Those of one source are built one after the other, so that each finds in the caches what the one before it left; others
        side by side. `keep_going`: one that fails stops no other. Else its error is raised, once the others have ended.
        """
        outcomes: dict[int, Outcome] = {}
        chains: dict[str, deque[int]] = {}
        for number, (request, _) in enumerate(wanted):
            chains.setdefault(self._chain_of(request), deque()).append(number)
        waiting = deque(chains.values())

        def work(reporter: Reporter, owner: Provisioner) -> None:
            while True:
                try:
                    chain = waiting.popleft()
                except IndexError:  # another thread was quicker
                    return
                for number in chain:
                    request, axes = wanted[number]
                    outcomes[number] = owner._outcome(
                        request, axes, reporter, keep_going=keep_going, several=len(wanted) > 1
                    )

        with self._jobs() as budget:
            owner = replace(self, budget=budget)
            workers = min(len(chains), budget.jobs)
            run_concurrently(
                *[functools.partial(work, owner=owner)] * workers, reporter=self.reporter
            )
        return [outcomes[number] for number in range(len(wanted))]

    def _chain_of(self, request: Request) -> str:
        """What tells the source of one request from that of another, without looking at a tree or the network."""
        if not request.is_version:
            return request.shown
        try:
            return self.subject(request).source.digest
        except JitbuildError:  # said when it is its turn
            return request.text

    def _outcome(
        self, request: Request, axes: Axes, reporter: Reporter, *, keep_going: bool, several: bool
    ) -> Outcome:
        try:
            found = replace(self, reporter=reporter).ensure(request, axes)
        except JitbuildError as error:
            if not keep_going:
                raise
            failed = Outcome(request=request, axes=axes, error=error)
            if several:  # said now: the others may take long, or be interrupted
                reporter.warn(f"{failed.name} failed: {error}")
            return failed
        return Outcome(request=request, axes=axes, interpreter=found)

    def _refresh(self, stale: Interpreter) -> None:
        try:
            refresh(self.store, stale)
        except (InterpreterError, ProofError, VariantError) as error:
            self.reporter.warn(f"{stale.name} has changed and is passed over. {error.what}")

    def subject(self, request: Request) -> ResolvedRequest:
        """What the request means: by the recipes alone for a version, by looking at the tree for anything else."""
        if request.is_version:
            return planner.resolve_version(request, self.catalog, sha256=self.options.sha256)
        return sources.describe(
            request,
            cache=self.store.root,
            catalog=self.catalog,
            sha256=self.options.sha256,
            reporter=self.reporter,
        )

    def provide(self, plan: Plan, request: Request) -> Interpreter:
        """Build what the plan says, unless the store has it or another process builds it meanwhile."""
        ready = None if self.options.reinstall else self._ready(plan)
        if ready is not None:
            return ready
        for warning in plan.warnings:
            self.reporter.warn(warning)
        began = time.time()
        with self.store.lock(
            plan.prefix_name,
            on_wait=lambda: self.reporter.note(f"Another process builds {plan.name}: waiting."),
        ):
            self.store.sweep()
            ready = self._ready(plan)
            if ready is not None and not (self.options.reinstall and _age(ready) < began):
                return ready
            return self._build(plan, request)

    def _ready(self, plan: Plan) -> Interpreter | None:
        found = self.store.get(plan.prefix_name)
        if (
            found is None
            or found.key != plan.key
            or not (found.proven and found.fresh and self._is_whole(found))
        ):
            return None
        self.reporter.note(f"{found.name} is in the store already.")
        return found

    def _is_whole(self, found: Interpreter) -> bool:
        """Whether it has what packages need: one without was kept for whoever said --allow-missing."""
        missing = found.manifest.verdict.missing
        return self.options.allow_missing or _ESSENTIAL.isdisjoint(missing)

    def _build(self, plan: Plan, request: Request) -> Interpreter:
        with self.store.scratch() as scratch, files.store_errors(scratch), self._jobs() as budget:
            work = _Build(self, plan, scratch, budget)
            staged, manifest = work.run(request)
            return self.store.commit(staged, plan.prefix_name, msgspec.convert(manifest, Manifest))

    @contextlib.contextmanager
    def _jobs(self) -> Iterator[JobBudget]:
        """The jobs that builds share: those of whoever builds several at once, else as many as were asked for."""
        if self.budget is not None:
            yield self.budget
        else:
            with JobBudget(self.options.jobs or targets.host().cpus) as budget:
                yield budget


class _Build:
    """One build, from nothing to a staged prefix that is proven."""

    def __init__(self, owner: Provisioner, plan: Plan, scratch: Path, budget: JobBudget) -> None:
        self._store, self._catalog, self._options, self._reporter = (
            owner.store,
            owner.catalog,
            owner.options,
            owner.reporter,
        )
        self._plan, self._scratch, self._budget = plan, scratch, budget
        self._host = targets.host()
        # The build sees the clean environment, so what it will find is looked for in that one.
        self._environ = build.clean_environment(os.environ)
        self._llvm = llvm.DeferredLLVM(self._finder(owner), scratch)
        self._stencils = StencilStore.below(owner.store.root)
        self._times: dict[str, float] = {}

    def _finder(self, owner: Provisioner) -> llvm.LLVMFinder | None:
        if self._plan.llvm is None:
            return None
        return llvm.LLVMFinder(
            want=self._plan.llvm,
            mode=owner.options.llvm or "auto",
            host=self._host,
            catalog=owner.catalog,
            cache=owner.store.root,
            environ=self._environ,
            # Of all that is started for it, pip alone gets the user's own settings.
            fetch=functools.partial(pinned_wheels.provide, environ=os.environ),
        )

    def run(self, request: Request) -> tuple[Path, dict[str, Any]]:
        """Build, finish and prove; returns the staged prefix and its manifest. Raises a JitbuildError."""
        plan, begun = self._plan, time.monotonic()
        obtained, missing, forecast = self._prepare()
        site = build.Site(
            source=obtained.path,
            prefix=self._store.interpreters / plan.prefix_name,
            stage=self._scratch / "stage",
            scratch=self._scratch,
            log=self._log(),
            python=Path(sys.executable),
            llvm=self._llvm.root,
        )
        compiler = compiler_of(plan, site.llvm, self._environ)
        caches = (
            self._caching(site, compiler, forecast)
            if self._options.caches and os.name == "posix"
            else None
        )
        self._times |= build.run(
            plan,
            site,
            reporter=self._reporter,
            budget=self._budget,
            aid=caches,
            advice=self._catalog.build.advice,
            placeholder=_placeholder,
        )
        told = caches.report() if caches else {}
        program = self._finish(site)
        verdict = self._timed("probe", functools.partial(self._prove, program))
        # Before the store syncs the disk: what is deleted need not be written.
        shutil.rmtree(obtained.path, ignore_errors=True)
        self._times["total"] = round(time.monotonic() - begun, 2)
        return site.staged_prefix, _manifest(plan, request) | {
            "source": {
                "kind": self._kind(),
                "digest": plan.source.digest,
                "location": plan.source.location,
                "road": obtained.origin,
                "verified": obtained.verified,
            },
            "executable": str(program.relative_to(site.staged_prefix)),
            "toolchain": {
                "compiler": compiler.version,
                "libc": self._host.libc,
                **_llvm_facts(self._llvm.installation, told.pop("llvm", "")),
            },
            "times": self._times,
            "caches": told,
            "missing_headers": missing,
            "verdict": verdict.to_json()
            | {"executable": str(site.prefix / program.relative_to(site.staged_prefix))},
        }

    def _prepare(self) -> tuple[source_trees.SourceTree, list[str], str]:
        """The tree, what this machine lacks, and the forecast of the stencils: all that can be had side by side.

        An LLVM is provided now, too, unless the stencils that it would make are kept.
        """
        plan = self._plan
        compiler = compiler_of(plan, None, self._environ)
        forecast = forecast_key(plan, compiler=compiler.text, libc=libc_of(self._host))
        expected = (
            caching.foreseen(plan, self._stencils, forecast) if self._options.caches else None
        )
        wants_llvm = plan.llvm is not None and not plan.llvm.bundled and expected is None
        begun = time.monotonic()
        # What the preflight says comes first, whoever is quicker: it names all that is lacking.
        missing, obtained, found = run_concurrently(
            functools.partial(self._check, wants_llvm=wants_llvm),
            _holding(self._obtain),
            _holding(self._llvm.provide if wants_llvm else lambda _reporter: None),
            reporter=self._reporter,
        )
        for held in (obtained, found):
            if isinstance(held, JitbuildError):
                raise held
        self._times["prepare"] = round(time.monotonic() - begun, 2)
        assert isinstance(obtained, source_trees.SourceTree)
        return obtained, missing, forecast

    def _obtain(self, reporter: Reporter) -> source_trees.SourceTree:
        return source_trees.obtain(
            self._plan.source,
            self._scratch / "source",
            origin=ArchiveOrigin.parse(self._options.mirror),
            cache=self._store.root,
            reporter=reporter,
            pinned_by_user=bool(self._options.sha256),
            leave_out=self._plan.leave_out,
        )

    def _caching(self, site: build.Site, compiler: CCompiler, forecast: str) -> Caching:
        return Caching(
            plan=self._plan,
            site=site,
            host=self._host,
            builds=self._catalog.build,
            compiler=compiler,
            environ=self._environ,
            stencils=self._stencils,
            answers=AnswerStore.below(self._store.root),
            ccache=self._ccache(),
            forecast=forecast,
            provide_llvm=functools.partial(self._llvm.provide, self._reporter),
            store=self._store.root,
            storage=self._options.ccache_storage,
            budget=self._budget,
        )

    def _ccache(self) -> Ccache | None:
        return ccache.find_for_plan(
            self._plan,
            self._options.ccache or "auto",
            environ=self._environ,
            pins=self._catalog.ccache.wheel,
            store=self._store.root,
            reporter=self._reporter,
        )

    def _timed(self, name: str, work: Callable[[], T]) -> T:
        begun = time.monotonic()
        try:
            return work()
        finally:
            self._times[name] = round(time.monotonic() - begun, 2)

    def _kind(self) -> str:
        """The kind of the source; an archive whose bytes a recipe knows is that release, wherever it lay."""
        source = self._plan.source
        tag = self._catalog.tags().get(self._plan.version)
        known = tag is not None and source.digest in {tag.tar_xz, tag.tgz}
        return "release" if source.kind == "archive" and known else source.kind

    def _check(self, reporter: Reporter, *, wants_llvm: bool) -> list[str]:
        """Stop now, and not minutes into make, when this machine lacks something; returns what was allowed to be missing."""
        preflight = Preflight(
            plan=self._plan,
            host=self._host,
            catalog=self._catalog,
            store=self._store.root,
            llvm=self._llvm.finder if wants_llvm else None,
            environ=self._environ,
        )
        with reporter.stage(f"{self._plan.name}: preflight"):
            report = preflight.run()
        if self._options.install_deps and report.missing:
            # Two builds would otherwise run the package manager at once.
            with self._store.lock("install-deps"):
                run_install_command(preflight.run().command, reporter=reporter)
                report = preflight.run()
        report.raise_for_missing(allow_missing=self._options.allow_missing)
        return [requirement.name for requirement in report.missing]

    def _log(self) -> Path:
        self._store.logs.mkdir(parents=True, exist_ok=True)
        return self._store.logs / f"{self._plan.prefix_name}-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"

    def _finish(self, site: build.Site) -> Path:
        """The installed program, its plain names made and its records cleaned of every path that will be gone."""
        staged, variant = site.staged_prefix, self._plan.variant
        debug = variant.profile == "debug"
        program = prefix.executable(
            staged, self._plan.version, free_threaded=variant.free_threaded, debug=debug
        )
        prefix.add_links(staged, program)
        changed = prefix.forget(staged, _forgotten(site, self._llvm.installation))
        modules = [str(path) for path in changed if path.suffix == ".py"]
        if modules:  # without any, compileall takes the whole of sys.path
            # The bytecode's file names are those of the final prefix: what stands before it is stripped.
            argv = [
                str(program),
                "-m",
                "compileall",
                "-q",
                "-s",
                str(site.stage),
                "-p",
                "/",
                *modules,
            ]
            process.run(argv, env=self._environ)
        return program

    def _prove(self, program: Path) -> Verdict:
        remedy = f"It was not kept. Please report this, with the newest log in {self._store.logs}."
        plan, variant = self._plan, self._plan.variant
        with self._reporter.stage(f"{plan.name}: probe"):
            try:
                verdict = probe(
                    program,
                    expect=variant.jit,
                    version=plan.version,
                    free_threaded=variant.free_threaded,
                    modules=True,
                )
            except InterpreterError as error:
                raise ProofError(
                    f"{plan.name} was built, but does not run. {error.what}", remedy=remedy
                ) from error
        if not verdict.ok:
            raise ProofError(
                f"{plan.name} was built, but is not what was asked for. {verdict.reason}",
                remedy=remedy,
            )
        missing = verdict.missing or ()
        if missing:
            self._reporter.warn(f"{plan.name} lacks the modules {', '.join(missing)}.")
        if _ESSENTIAL & set(missing) and not self._options.allow_missing:
            lost = ", ".join(sorted(_ESSENTIAL & set(missing)))
            raise ProofError(
                f"{plan.name} lacks {lost}, without which packages cannot be installed or run.",
                remedy="Install the headers that `jitbuild doctor` names, or keep such an interpreter with --allow-missing.",
            )
        return verdict


def adopt(
    store: Store, program: Path, *, expect: Expect = "jit", profile: Profile = "unknown"
) -> Interpreter:
    """Register the interpreter `program`, which is on this machine already, after probing it; its tree is never written.

    Raises ProofError, with the reason, when it is not what was expected, and InterpreterError when it is no Python.
    """
    program = program.absolute()
    # Taken first: when the program changes while it is probed, it counts as changed since.
    before = Fingerprint.of(program) or UNSET
    verdict = probe(program, expect=expect)
    if not verdict.ok:
        raise ProofError(
            f"{program} was not adopted: {verdict.reason}",
            remedy=f"To register it as it is: jitbuild adopt {program} --expect {verdict.built}",
        )
    if verdict.implementation.lower() != "cpython":
        raise VariantError(
            f"{program} is {verdict.implementation}.", remedy="jitbuild keeps CPythons only."
        )
    variant = Variant(
        jit=verdict.built,
        profile="debug" if verdict.debug else profile,
        free_threaded=verdict.free_threaded,
    )
    key = hashlib.sha256(f"adopted {program}".encode()).hexdigest()
    threads = "t" if verdict.free_threaded else ""
    name = f"cpython-{verdict.version}{threads}-{variant.slug}-{key[:8]}"
    manifest = {
        "key": key,
        "version": verdict.version,
        "adopted": True,
        "request": str(program),
        "expect": expect,
        "created": datetime.now(UTC),
        "executable": str(program),
        "fingerprint": msgspec.to_builtins(before),
        "variant": variant.to_json(),
        "verdict": verdict.to_json(),
    }
    with store.lock(name), store.scratch() as scratch:
        staged = scratch / "adopted"
        staged.mkdir()
        return store.commit(staged, name, msgspec.convert(manifest, Manifest))


def refresh(store: Store, stale: Interpreter) -> None:
    """Look again at an adopted interpreter that has changed, and register it as what it is now. Raises as `adopt` does."""
    if stale.adopted and stale.executable.exists():
        again = adopt(
            store,
            stale.executable,
            expect=stale.manifest.expect or "jit",
            profile=stale.variant.profile,
        )
        if again.name != stale.name:
            store.remove(stale)


def _holding(work: Callable[[Reporter], T]) -> Callable[[Reporter], T | JitbuildError]:
    """`work`, whose error is handed back instead of raised."""

    def hold(reporter: Reporter) -> T | JitbuildError:
        try:
            return work(reporter)
        except JitbuildError as error:
            return error

    return hold


def _forgotten(site: build.Site, found: llvm.LLVMInstallation | None) -> dict[str, str]:
    """The paths that an interpreter's records must not name, and what they say instead.

    A clang that compiled it (--tail-call) is called by its own path where that lasts, else by its name.
    """
    paths = {str(site.source): "/build", str(site.scratch): "/build", sys.executable: "python3"}
    if site.llvm is not None and found is not None:
        folder = site.llvm / "bin"
        lasting = (
            {str(folder / name): str(path) for name, path in found.tools.items()}
            if found.origin != "managed"
            else {}
        )
        paths |= {str(site.llvm): "/usr", f"{folder}/": "", **lasting}
    return paths


def _llvm_facts(installation: llvm.LLVMInstallation | None, cached: str) -> dict[str, Any]:
    """Return the manifest's facts about the LLVM; `cached` is the version that made cached stencils."""
    if installation is not None:
        return {"llvm": {"version": installation.version, "origin": installation.origin}}
    return {"llvm": {"version": cached, "origin": "stencil cache"}} if cached else {}


def _manifest(plan: Plan, request: Request) -> dict[str, Any]:
    return {
        "key": plan.key,
        "version": plan.version,
        "adopted": False,
        "request": request.shown,
        "target": plan.target.name,
        "created": datetime.now(UTC),
        "variant": plan.variant.to_json(),
    }


def _age(interpreter: Interpreter) -> float:
    return interpreter.manifest.created.timestamp()


def _placeholder(name: str) -> str:
    """A placeholder that a tool of this machine answers: Homebrew's prefixes and the macOS SDK."""
    argv = (
        ["brew", "--prefix", name.removeprefix("brew:")]
        if name.startswith("brew:")
        else ["xcrun", "--show-sdk-path"]
    )
    try:
        completed = process.run(argv)
    except OSError:
        completed = None
    if completed is None or not completed.ok:
        raise PreflightError(
            f"`{' '.join(argv)}` does not answer.",
            remedy="Install Homebrew and the command line tools of Xcode.",
        )
    return completed.stdout.strip()
