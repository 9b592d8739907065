"""Install an interpreter that others have built: download, verify, unpack and relocate it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.advice import advise_install
from jitbuild.building import installed_prefix, standalone
from jitbuild.errors import BuildError, ProofError, UsageError
from jitbuild.providers.provider import StagedInterpreter
from jitbuild.recipes.prebuilt import PYTHON_ORG_BUILDER, STANDALONE
from jitbuild.request import Axes
from jitbuild.sources import build_attestations, prebuilt_archive, windows_release
from jitbuild.sources.archive_cache import ArchiveCache, CachedArchive
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.store.manifest import SourceRecord
from jitbuild.system import process
from jitbuild.system.archives import archive
from jitbuild.system.http.download import downloader
from jitbuild.system.http.transfer_limits import ROOM_TO_UNPACK
from jitbuild.system.signatures import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jitbuild.planning.plan import Plan
    from jitbuild.providers.provider import ProviderTask
    from jitbuild.system.process import Runner

_FROM_SOURCE = Axes(provider="source")


@dataclass(frozen=True, kw_only=True, slots=True)
class PrebuiltProvider:
    """Installs interpreters from pinned archives. The fields are effects, which tests replace."""

    fetch: Callable[..., CachedArchive] = prebuilt_archive.fetch
    attest: Callable[[str, str], None] = build_attestations.verify_standalone
    check_zip: Callable[[str, str, str, Signer], None] = windows_release.verify_zip
    unpack: Callable[..., Path] = archive.unpack
    relocate: Callable[[Path, Path], object] = standalone.adapt
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    runner: Runner = process.run
    clock: Callable[[], float] = time.monotonic

    def stage(self, task: ProviderTask) -> StagedInterpreter:
        """Carry out the task's plan and return the staged interpreter.

        Raises DownloadError, IntegrityError, ArchiveError or StoreError if the archive cannot be
        obtained or unpacked, ProofError if there is no interpreter in it, and BuildError if a
        program that a step names fails. With the option `verify`, raises SignatureError if the
        archive has no valid build attestation or signature, MissingExtraError if jitbuild[verify]
        is missing, and UsageError if its builder has neither.
        """
        begun, plan = self.clock(), task.plan
        # The signatures are for the pinned sha256, so they are verified before the download.
        verified = self._verified(task) if task.options.verify else plan.source.verification
        cached = self._fetched(task)
        downloaded = self.clock()
        title = f"{plan.name}: unpack"
        prefix = self.unpack(
            cached.path, task.scratch / "stage", reporter=task.reporter, title=title
        )
        program = _program(prefix, plan)
        unpacked = self.clock()
        self.relocate(prefix, task.store.interpreters / plan.prefix_name)
        installed_prefix.add_links(prefix, program)
        relocated = self.clock()
        self._run_programs(plan, prefix)
        return StagedInterpreter(
            prefix=prefix,
            program=program,
            source=SourceRecord(
                digest=plan.source.digest,
                kind=plan.source.kind,
                location=plan.source.location,
                origin=cached.origin,
                verified=verified,
            ),
            times={
                "download": round(downloaded - begun, 2),
                "unpack": round(unpacked - downloaded, 2),
                "relocate": round(relocated - unpacked, 2),
            },
        )

    def _run_programs(self, plan: Plan, prefix: Path) -> None:
        """Run the programs that the steps of `plan` name, with `prefix` as their prefix."""
        for step in (step.filled(lambda _: str(prefix)) for step in plan.steps if step.argv):
            completed = self.runner(step.argv, env=self.environ, cwd=Path(step.cwd))
            if not completed.ok:
                raise BuildError(
                    f"{plan.name}: the step {step.name} failed: {completed.stderr.strip()}",
                    remedy=advise_install("Compile it instead", plan.version, _FROM_SOURCE),
                )
        for program in prefix.glob("Scripts/pip*.exe"):
            program.unlink()  # it would start the Python in the scratch folder

    def _fetched(self, task: ProviderTask) -> CachedArchive:
        archives = ArchiveCache(
            folder=task.store.cache("sources"),
            downloader=downloader(task.options.min_speed, room=ROOM_TO_UNPACK),
            reporter=task.reporter,
        )
        return self.fetch(task.plan.source, ArchiveOrigin.parse(task.options.mirror), archives)

    def _verified(self, task: ProviderTask) -> str:
        """Verify who built or released the archive, and return the text for the manifest."""
        plan = task.plan
        builder = plan.prebuilt.builder if plan.prebuilt else ""
        [(name, sha256)] = plan.source.files
        if builder == STANDALONE:
            self.attest(name, sha256)
            return "sha256 pin in a recipe, and build attestation of GitHub"
        if builder != PYTHON_ORG_BUILDER:
            raise UsageError(
                f"--verify checks build attestations and signatures, and archives of {builder} "
                "have none.",
                remedy="Omit --verify.",
            )
        manager = task.catalog.for_version(Version(plan.version)).release_manager
        if manager is None:
            raise UsageError(
                f"--verify checks the signature of {plan.version}, and no recipe names its signer.",
                remedy="Add `release-manager` to your recipe of the series, or omit --verify.",
            )
        signer = Signer(identity=manager.identity, issuer=manager.issuer)
        self.check_zip(plan.source.location, plan.version, sha256, signer)
        return f"sha256 pin in a recipe, and Sigstore signature of {manager.identity}"


def _program(prefix: Path, plan: Plan) -> Path:
    """Return the program of the interpreter in `prefix`.

    If there is only a Python of another series, it is returned: the probe says which one it is.
    Raises ProofError if there is no Python at all.
    """
    windows = plan.target.system == "windows"
    expected = installed_prefix.executable(prefix, plan.version, windows=windows)
    others = [] if windows else [prefix / "bin/python3", *sorted(prefix.glob("bin/python3.*"))]
    for program in (expected, *others):
        if program.is_file():
            return program
    raise ProofError(
        f"The archive of {plan.name} has no {expected.relative_to(prefix)}.",
        remedy=advise_install("Compile it instead", plan.version, _FROM_SOURCE),
    )
