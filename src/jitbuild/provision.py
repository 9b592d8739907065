"""The one orchestrator: store hit, or plan -> preflight -> source -> LLVM -> build -> probe -> commit. Only it knows the order."""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild import build, disk, llvm, plans, prefix, preflight, process, sources, wheels
from jitbuild import target as targets
from jitbuild.errors import InterpreterError, PreflightError, ProofError, VariantError
from jitbuild.probes import probe
from jitbuild.report import Reporter, Silent
from jitbuild.request import Profile, Variant
from jitbuild.store import fingerprint

if TYPE_CHECKING:
    from jitbuild.plans import Plan, Subject
    from jitbuild.recipes import Catalog
    from jitbuild.request import Axes, Request
    from jitbuild.store import Interpreter, Store
    from jitbuild.verdict import Expect, Verdict

# Without these an interpreter cannot even install packages.
_ESSENTIAL = frozenset({"ssl", "zlib", "ctypes", "sqlite3"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How to provide: where sources (`mirror`) and LLVM come from, and what may be missing. None is the default."""

    mirror: str | None = None
    llvm: str | None = None
    jobs: int | None = None
    sha256: str | None = None
    upgrade: bool = False
    reinstall: bool = False
    allow_missing: bool = False
    install_deps: bool = False


@dataclass(frozen=True, slots=True)
class Provisioner:
    """Turns requests into proven interpreters of one store."""

    store: Store
    catalog: Catalog
    options: Options = field(default_factory=Options)
    reporter: Reporter = field(default_factory=Silent)

    def ensure(self, request: Request, axes: Axes) -> Interpreter:
        """The best interpreter of the store that fits, or a new one, proven. Raises a JitbuildError; nothing is left half-done."""
        variant = axes.variant(request)
        sources.Road.parse(self.options.mirror)  # a typo is said before anything is done
        # A pin given by hand is of the bytes: only what was built from them will do.
        if request.is_version and not (self.options.upgrade or self.options.reinstall or self.options.sha256):
            found = self.store.find(request, axes.wanting_machine_code(request), refresh=self._refresh)
            if found is not None and self._is_whole(found):
                self.reporter.note(f"{found.name} is in the store already.")
                return found
        if request.free_threaded and axes.jit is None:
            self.reporter.note(f"{request.text}: a free-threaded CPython has no JIT, so this is built with --jit no.")
        subject = self.subject(request)
        return self.provide(plans.make(subject, variant, targets.host().target, self.catalog), request)

    def _refresh(self, stale: Interpreter) -> None:
        try:
            refresh(self.store, stale)
        except (InterpreterError, ProofError, VariantError) as error:
            self.reporter.warn(f"{stale.name} has changed and is passed over. {error.what}")

    def subject(self, request: Request) -> Subject:
        """What the request means: by the recipes alone for a version, by looking at the tree for anything else."""
        if request.is_version:
            return plans.subject_of(request, self.catalog, sha256=self.options.sha256)
        return sources.describe(
            request, cache=self.store.root, catalog=self.catalog, sha256=self.options.sha256, reporter=self.reporter
        )

    def provide(self, plan: Plan, request: Request) -> Interpreter:
        """Build what the plan says, unless the store has it or another process builds it meanwhile."""
        ready = None if self.options.reinstall else self._ready(plan)
        if ready is not None:
            return ready
        for warning in plan.warnings:
            self.reporter.warn(warning)
        began = time.time()
        with self.store.lock(plan.prefix_name, on_wait=lambda: self.reporter.note(f"Another process builds {plan.name}: waiting.")):
            self.store.sweep()
            ready = self._ready(plan)
            if ready is not None and not (self.options.reinstall and _age(ready) < began):
                return ready
            return self._build(plan, request)

    def _ready(self, plan: Plan) -> Interpreter | None:
        found = self.store.get(plan.prefix_name)
        if found is None or found.key != plan.key or not (found.proven and found.fresh and self._is_whole(found)):
            return None
        self.reporter.note(f"{found.name} is in the store already.")
        return found

    def _is_whole(self, found: Interpreter) -> bool:
        """Whether it has what packages need: one without was kept for whoever said --allow-missing."""
        missing = found.manifest["verdict"].get("missing_modules", ())
        return self.options.allow_missing or _ESSENTIAL.isdisjoint(missing)

    def _build(self, plan: Plan, request: Request) -> Interpreter:
        begun = time.monotonic()
        host = targets.host()
        missing = self._check(plan)
        with self.store.scratch() as scratch, disk.guarded(scratch):
            road = sources.Road.parse(self.options.mirror)
            obtained = sources.obtain(
                plan.source,
                scratch / "source",
                road=road,
                cache=self.store.root,
                reporter=self.reporter,
                by_hand=bool(self.options.sha256),
            )
            found, root = self._llvm(plan, scratch)
            site = build.Site(
                source=obtained.tree,
                prefix=self.store.interpreters / plan.prefix_name,
                stage=scratch / "stage",
                scratch=scratch,
                log=self._log(plan),
                jobs=self.options.jobs or host.cpus,
                python=Path(sys.executable),
                llvm=root,
            )
            times = build.run(plan, site, reporter=self.reporter, advice=self.catalog.builds.advice, placeholder=_placeholder)
            program = self._finish(plan, site, found)
            verdict = self._prove(plan, program)
            manifest = _manifest(plan, request) | {
                "source": {
                    "kind": self._kind(plan),
                    "digest": plan.source.digest,
                    "location": plan.source.location,
                    "road": obtained.road,
                    "verified": obtained.verified,
                },
                "executable": str(program.relative_to(site.staged_prefix)),
                "toolchain": {"compiler": _compiler(plan, root), "libc": host.libc, **_llvm_facts(found)},
                "times": times | {"total": round(time.monotonic() - begun, 2)},
                "missing_headers": missing,
                "verdict": verdict.to_json() | {"executable": str(site.prefix / program.relative_to(site.staged_prefix))},
            }
            return self.store.commit(site.staged_prefix, plan.prefix_name, manifest)

    def _kind(self, plan: Plan) -> str:
        """The kind of the source; an archive whose bytes a recipe knows is that release, wherever it lay."""
        tag = self.catalog.tags().get(plan.version)
        known = tag is not None and plan.source.digest in {tag.tar_xz, tag.tgz}
        return "release" if plan.source.kind == "archive" and known else plan.source.kind

    def _check(self, plan: Plan) -> list[str]:
        """Stop now, and not minutes into make, when this machine lacks something; returns what was allowed to be missing."""
        # The build sees the clean environment, so what it will find is looked for in that one.
        checkup = preflight.Checkup(
            plan=plan,
            host=targets.host(),
            catalog=self.catalog,
            llvm_mode=self.options.llvm or "auto",
            store=self.store.root,
            environ=build.clean_environment(os.environ),
        )
        with self.reporter.stage(f"{plan.name}: preflight"):
            findings = checkup.run()
        if self.options.install_deps and findings.missing:
            preflight.install_deps(findings, reporter=self.reporter)
            findings = checkup.run()
        findings.raise_for_missing(allow_missing=self.options.allow_missing)
        return [finding.name for finding in findings.missing]

    def _llvm(self, plan: Plan, scratch: Path) -> tuple[llvm.Found | None, Path | None]:
        if plan.llvm is None or plan.llvm.bundled:
            return None, None
        finder = llvm.Finder(
            want=plan.llvm,
            mode=self.options.llvm or "auto",
            host=targets.host(),
            catalog=self.catalog,
            cache=self.store.root,
            # Looked for where the preflight looked; pip alone gets the person's own settings.
            environ=build.clean_environment(os.environ),
            fetch=functools.partial(wheels.provide, environ=os.environ),
        )
        found = finder.provide(self.reporter)
        return found, llvm.gather(found, scratch / "llvm")

    def _log(self, plan: Plan) -> Path:
        self.store.logs.mkdir(parents=True, exist_ok=True)
        return self.store.logs / f"{plan.prefix_name}-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"

    def _finish(self, plan: Plan, site: build.Site, found: llvm.Found | None) -> Path:
        """The installed program, its plain names made and its records cleaned of every path that will be gone."""
        staged = site.staged_prefix
        debug = plan.variant.profile == "debug"
        program = prefix.executable(staged, plan.version, free_threaded=plan.variant.free_threaded, debug=debug)
        prefix.add_links(staged, program)
        changed = prefix.forget(staged, _forgotten(site, found))
        modules = [str(path) for path in changed if path.suffix == ".py"]
        if modules:  # without any, compileall takes the whole of sys.path
            # The bytecode's file names are those of the final prefix: what stands before it is stripped.
            argv = [str(program), "-m", "compileall", "-q", "-s", str(site.stage), "-p", "/", *modules]
            process.run(argv, env=build.clean_environment(os.environ))
        return program

    def _prove(self, plan: Plan, program: Path) -> Verdict:
        remedy = f"It was not kept. Please report this, with the newest log in {self.store.logs}."
        variant = plan.variant
        with self.reporter.stage(f"{plan.name}: probe"):
            try:
                verdict = probe(
                    program, expect=variant.jit, version=plan.version, free_threaded=variant.free_threaded, modules=True
                )
            except InterpreterError as error:
                raise ProofError(f"{plan.name} was built, but does not run. {error.what}", remedy=remedy) from error
        if not verdict.ok:
            raise ProofError(f"{plan.name} was built, but is not what was asked for. {verdict.reason}", remedy=remedy)
        missing = verdict.missing or ()
        if missing:
            self.reporter.warn(f"{plan.name} lacks the modules {', '.join(missing)}.")
        if _ESSENTIAL & set(missing) and not self.options.allow_missing:
            lost = ", ".join(sorted(_ESSENTIAL & set(missing)))
            raise ProofError(
                f"{plan.name} lacks {lost}, without which packages cannot be installed or run.",
                remedy="Install the headers that `jitbuild doctor` names, or keep such an interpreter with --allow-missing.",
            )
        return verdict


def adopt(store: Store, program: Path, *, expect: Expect = "jit", profile: Profile = "unknown") -> Interpreter:
    """Register the interpreter `program`, which is on this machine already, after probing it; its tree is never written.

    Raises ProofError, with the reason, when it is not what was expected, and InterpreterError when it is no Python.
    """
    program = program.absolute()
    # Taken first: when the program changes while it is probed, it counts as changed since.
    before = fingerprint(program)
    verdict = probe(program, expect=expect)
    if not verdict.ok:
        raise ProofError(
            f"{program} was not adopted: {verdict.reason}",
            remedy=f"To register it as it is: jitbuild adopt {program} --expect {verdict.built}",
        )
    if verdict.implementation.lower() != "cpython":
        raise VariantError(f"{program} is {verdict.implementation}.", remedy="jitbuild keeps CPythons only.")
    variant = Variant(jit=verdict.built, profile="debug" if verdict.debug else profile, free_threaded=verdict.free_threaded)
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
        "fingerprint": before,
        "variant": plans.variant_json(variant),
        "verdict": verdict.to_json(),
    }
    with store.lock(name), store.scratch() as scratch:
        staged = scratch / "adopted"
        staged.mkdir()
        return store.commit(staged, name, manifest)


def refresh(store: Store, stale: Interpreter) -> None:
    """Look again at an adopted interpreter that has changed, and register it as what it is now. Raises as `adopt` does."""
    if stale.adopted and stale.executable.exists():
        again = adopt(store, stale.executable, expect=stale.manifest["expect"], profile=stale.variant.profile)
        if again.name != stale.name:
            store.remove(stale)


def _forgotten(site: build.Site, found: llvm.Found | None) -> dict[str, str]:
    """The paths that an interpreter's records must not name, and what they say instead.

    A clang that compiled it (--tail-call) is called by its own path where that lasts, else by its name.
    """
    paths = {str(site.source): "/build", str(site.scratch): "/build", sys.executable: "python3"}
    if site.llvm is not None and found is not None:
        folder = site.llvm / "bin"
        lasting = {str(folder / name): str(path) for name, path in found.tools.items()} if found.origin != "managed" else {}
        paths |= {str(site.llvm): "/usr", f"{folder}/": "", **lasting}
    return paths


def _manifest(plan: Plan, request: Request) -> dict[str, Any]:
    return {
        "key": plan.key,
        "version": plan.version,
        "adopted": False,
        "request": request.shown,
        "target": plan.target.name,
        "created": datetime.now(UTC),
        "variant": plans.variant_json(plan.variant),
    }


def _age(interpreter: Interpreter) -> float:
    created = interpreter.manifest["created"]
    assert isinstance(created, datetime)
    return created.timestamp()


def _compiler(plan: Plan, root: Path | None) -> str:
    """The first line of what the build's C compiler says of itself."""
    named = [arg.removeprefix("CC=") for arg in plan.variant.configure_args if arg.startswith("CC=")]
    program = [str(root / "bin" / "clang")] if plan.variant.tail_call and root else shlex.split(named[-1]) if named else ["cc"]
    try:
        return process.run([*program, "--version"]).stdout.partition("\n")[0]
    except OSError:
        return "unknown"


def _llvm_facts(found: llvm.Found | None) -> dict[str, Any]:
    return {"llvm": {"version": found.version, "origin": found.origin}} if found else {}


def _placeholder(name: str) -> str:
    """A placeholder that a tool of this machine answers: Homebrew's prefixes and the macOS SDK."""
    argv = ["brew", "--prefix", name.removeprefix("brew:")] if name.startswith("brew:") else ["xcrun", "--show-sdk-path"]
    try:
        completed = process.run(argv)
    except OSError:
        completed = None
    if completed is None or not completed.ok:
        raise PreflightError(f"`{' '.join(argv)}` does not answer.", remedy="Install Homebrew and the command line tools of Xcode.")
    return completed.stdout.strip()
