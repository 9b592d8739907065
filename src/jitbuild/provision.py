"""Turn a request into a proven interpreter. This module only runs the stages in order.

If the store has an interpreter that fits, it is used. Otherwise, the stages are: resolve, plan,
lock, stage (providers/), prove, commit.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from jitbuild.errors import UsageError
from jitbuild.options import BuildOptions
from jitbuild.planning.planner import check_variant, make_plan, resolve_version
from jitbuild.probing import run_probe as probing
from jitbuild.probing.proof import prove
from jitbuild.providers.existing import ExistingInterpreters
from jitbuild.providers.prebuilt import PrebuiltProvider
from jitbuild.providers.prebuilt_choice import PrebuiltChoice
from jitbuild.providers.provider import ProviderTask
from jitbuild.providers.recorded_plan import check_unchanged, recorded_plan
from jitbuild.providers.repair import Repairer
from jitbuild.request import parse
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.sources.resolve import describe
from jitbuild.store.manifest import VerdictRecord
from jitbuild.system.files import store_errors
from jitbuild.system.http.transfer_speed import LEAST_SPEED
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.progress import Reporter, SilentReporter
from jitbuild.target import Host, host
from jitbuild.toolchain.llvm import check_mode
from jitbuild.toolchain.machine_checks import require_store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from jitbuild.planning.plan import Plan, ResolvedRequest
    from jitbuild.probing.verdict import Verdict
    from jitbuild.providers.from_registry import RegistryProvider
    from jitbuild.providers.provider import Provider
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.request import Axes, Request
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.manifest import Manifest
    from jitbuild.store.store import Store


@dataclass(frozen=True, slots=True)
class Provisioner:
    """Provides proven interpreters for one store.

    `options` must already include the settings. `budget` is the job budget of a caller that builds
    several interpreters at once, or None. If `registry` is given, it is asked for an interpreter
    before one is built. The fields from `provider` to `now` are effects, which tests replace.
    `provider` compiles; None stands for SourceProvider, which is imported only if it is used.
    """

    store: Store
    catalog: Catalog
    options: BuildOptions = field(default_factory=BuildOptions)
    reporter: Reporter = field(default_factory=SilentReporter)
    budget: JobBudget | None = None
    provider: Provider | None = None
    prebuilt: Provider = field(default_factory=PrebuiltProvider)
    registry: RegistryProvider | None = None
    probe: Callable[..., Verdict] = probing.probe
    missing_modules: Callable[[Path], Collection[str]] = probing.missing_modules
    repairer: Repairer = field(default_factory=Repairer)
    this_host: Callable[[], Host] = host
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    # Warnings that were printed: an interpreter may be examined twice, but is reported only once.
    warned: set[str] = field(default_factory=set)

    def ensure(self, request: Request, axes: Axes) -> Interpreter:
        """Return the preferred interpreter in the store that fits, or build and prove a new one.

        If `request` is a name, the named interpreter is returned. With --reinstall, or if it no
        longer works, it is built again from its recorded source and variant.

        Raises a JitbuildError if that fails; the store then contains no incomplete interpreter.
        """
        if request.kind == "name":
            return self._ensure_named(request, axes)
        variant = axes.variant(request)
        # Report an invalid --mirror or --llvm before any work.
        ArchiveOrigin.parse(self.options.mirror)
        check_mode(self.options.llvm or "auto")
        interpreter = self._existing.find(request, axes)
        if interpreter is not None:
            self._note_unused_options(interpreter)
            return interpreter
        if request.free_threaded and axes.jit is None:
            self.reporter.note(
                f"{request.text}: free-threaded CPython has no JIT, so it is built with --jit no."
            )
        target = self.this_host().target
        if self.registry is not None:
            request = self.registry.pinned(request, target.name)
        # Check the variant and the store before anything is fetched.
        if target.system != "windows":
            require_store(self.store.root)
        choice = PrebuiltChoice(host=self.this_host(), options=self.options, catalog=self.catalog)
        if prebuilt := choice.plan(request, axes):
            return self.provide(prebuilt, request)
        check_variant(variant, target, self.catalog)
        plan = make_plan(self.resolve(request), variant, target, self.catalog)
        plan = replace(plan, provider_reason=choice.why_compiled(request, axes))
        if self.options.verify:
            raise UsageError(
                f"--verify checks prebuilt archives, and {request.text} is compiled. "
                f"{plan.provider_reason}".rstrip(),
                remedy="Add --prebuilt, or omit --verify. The pins of sources are verified by: "
                "jitbuild recipes check",
            )
        self._note_faster_install(plan, choice.faster_install(request, axes))
        return self.provide(plan, request)

    def _note_unused_options(self, interpreter: Interpreter) -> None:
        """Note that --push and --verify do not apply to what is in the store already."""
        if self.options.push and self.registry and not interpreter.adopted:
            self.reporter.note(
                "install --push uploads only what it builds or downloads. "
                + self.registry.how_to_push(interpreter)
            )
        source = interpreter.manifest.source
        if self.options.verify and source:
            self.reporter.note(
                f"{interpreter.name} is in the store already, and --verify checks only downloads. "
                f"It was installed with: {source.verified}. To install it again: --reinstall"
            )

    def _note_faster_install(self, plan: Plan, note: str) -> None:
        """Print `note` if `plan` is about to be carried out.

        With a registry, nothing is noted: it may have the interpreter, so no build is certain.
        """
        if note and self.registry is None and self.store.get(plan.prefix_name) is None:
            self.reporter.note(note)

    def resolve(self, request: Request) -> ResolvedRequest:
        """Resolve a version request with the recipes alone, any other by reading its tree."""
        sha256 = self.options.sha256
        if request.is_version:
            return resolve_version(request, self.catalog, sha256=sha256)
        return describe(
            request,
            cache=self.store.root,
            catalog=self.catalog,
            sha256=sha256,
            least_speed=LEAST_SPEED if self.options.min_speed is None else self.options.min_speed,
            reporter=self.reporter,
        )

    def provide(self, plan: Plan, request: Request) -> Interpreter:
        """Build the interpreter that `plan` describes, unless it is in the store.

        If another process is building it, wait for that process.
        """
        if not self.options.reinstall:
            interpreter = self._existing.ready(plan, repair=True)
            if interpreter is not None:
                self._note_unused_options(interpreter)
                return interpreter
        for warning in plan.warnings:
            self.reporter.warn(warning)
        begun, reinstall = self.now(), self.options.reinstall
        with self.store.lock(plan.prefix_name, on_wait=lambda: self._note_wait(plan)):
            self.store.sweep()
            known = self.store.get(plan.prefix_name)
            # With --reinstall, an interpreter in the store is accepted only if another process has
            # built it since this call began.
            if known is not None and not (reinstall and known.created < begun):
                interpreter = self._existing.ready(plan)
                if interpreter is not None:
                    return interpreter
            return self._pull_or_build(plan, request)

    def _ensure_named(self, request: Request, axes: Axes) -> Interpreter:
        interpreter = self._existing.named(request.value, axes)
        if not self.options.reinstall and (usable := self._existing.if_usable(interpreter)):
            return usable
        target = self.this_host().target
        plan = recorded_plan(interpreter, target, self.store, self.catalog, reporter=self.reporter)
        check_unchanged(plan, interpreter)
        return self.provide(plan, parse(interpreter.manifest.request or interpreter.version))

    @contextlib.contextmanager
    def job_budget(self) -> Iterator[JobBudget]:
        """Yield the caller's job budget, or a new one with the number of jobs in the options."""
        if self.budget is not None:
            yield self.budget
        else:
            with JobBudget(self.options.jobs or self.this_host().cpus) as budget:
                yield budget

    @property
    def _existing(self) -> ExistingInterpreters:
        return ExistingInterpreters(
            store=self.store,
            options=self.options,
            reporter=self.reporter,
            probe=self.probe,
            missing_modules=self.missing_modules,
            repairer=self.repairer,
            warned=self.warned,
        )

    def _note_wait(self, plan: Plan) -> None:
        self.reporter.note(f"Waiting for another process that is building {plan.name}.")

    def _pull_or_build(self, plan: Plan, request: Request) -> Interpreter:
        if self.options.pull_only and (self.options.verify or self.options.reinstall):
            raise UsageError(
                "`pull_only` excludes `verify` and `reinstall`, which never use a registry.",
                remedy="Omit one of them.",
            )
        # What is in a registry has no attestation.
        may_pull = not (self.options.reinstall or self.options.verify)
        if self.registry is not None and may_pull:
            from jitbuild.providers import from_registry

            try:
                return self._obtain(plan, request, self.registry)
            except from_registry.FAILURES as error:
                if self.options.pull_only:
                    raise
                from_registry.report(error, plan, self.reporter)
        if self.registry is not None and self.options.push:
            self.registry.check_push(self.reporter)  # a refusal after the build would be too late
        if plan.provider_reason:
            self.reporter.note(
                f"{request.text} is compiled (--provider auto). {plan.provider_reason}"
            )
        interpreter = self._obtain(plan, request, self._provider_of(plan))
        if self.registry is not None and self.options.push:
            self.registry.push(interpreter, self.store, self.reporter)
        return interpreter

    def _provider_of(self, plan: Plan) -> Provider:
        if plan.prebuilt:
            return self.prebuilt
        from jitbuild.providers.from_source import SourceProvider

        return self.provider or SourceProvider()

    def _obtain(self, plan: Plan, request: Request, provider: Provider) -> Interpreter:
        begun = self.clock()
        with (
            self.store.scratch() as scratch,
            store_errors(scratch),
            self.job_budget() as budget,
        ):
            task = ProviderTask(
                plan=plan,
                store=self.store,
                catalog=self.catalog,
                options=self.options,
                scratch=scratch,
                budget=budget,
                reporter=self.reporter,
            )
            staged = provider.stage(task)
            built = self.clock()
            self.store.begin_sync()
            verdict = prove(
                plan,
                staged.program,
                logs=self.store.logs,
                pulled=bool(staged.imported),
                allow_missing=self.options.allow_missing,
                reporter=self.reporter,
                probe=self.probe,
            )
            proven = self.clock()
            times = {"probe": round(proven - built, 2), "total": round(proven - begun, 2)}
            final = self.store.interpreters / plan.prefix_name
            program = final / staged.program.relative_to(staged.prefix)
            record = msgspec.convert(
                verdict.to_json() | {"executable": os.fspath(program)}, VerdictRecord
            )
            manifest: Manifest = staged.manifest(
                plan, request, record, created=self.now(), times=times
            )
            return self.store.commit(staged.prefix, plan.prefix_name, manifest)
