"""Interpreters are signed and verified by the package sigstore, with a Sigstore on this machine."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import standalone_archives as standalone
from cli import Cli
from registry_server import Registry, running_registry
from serving import serving
from sigstore_server import IDENTITY, ISSUER, REQUEST_TOKEN, SigstoreServer, running_sigstore

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.name != "posix", reason="the registry is a program of Debian"),
]
VERSION = "3.15.2"
NOXFILE = f"""
import jitbuild.nox as jit

@jit.session(pythons=["{VERSION}"], modes=["on"])
def tests(session):
    pass
"""
METHOD = f"Sigstore signature of {IDENTITY}"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class World:
    """A registry, a Sigstore, and the variables of a machine that knows both."""

    registry: Registry
    sigstore: SigstoreServer
    variables: dict[str, str]

    def machine(self, home: Path, **extra: str) -> Cli:
        """Return a machine that is no CI job."""
        return Cli(home, {**self.variables, **extra})

    def job(self, home: Path) -> Cli:
        """Return a machine that is a GitHub job with `id-token: write`."""
        return self.machine(home, **self.sigstore.job)

    def repository(self, name: str) -> str:
        return self.registry.repository.replace("team/jitbuild", name)

    def documents(self, repository: str) -> list[Path]:
        """Return the files in which the registry keeps the revisions and tags of `repository`."""
        name = repository.partition("/")[2]
        folder = self.registry.data / "docker/registry/v2/repositories" / name
        return list(folder.rglob("_manifests/**/link"))


@pytest.fixture(scope="module")
def world(
    cache_folder: Path, debian_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The machines install a prebuilt interpreter, so that nothing has to be compiled."""
    folder = tmp_path_factory.mktemp("world")
    archive = standalone.from_debian(debian_pythons["3.15"], VERSION, folder)
    served = folder / "served" / standalone.BUILD
    served.mkdir(parents=True)
    shutil.copy(archive, served)
    handler = functools.partial(QuietHandler, directory=str(served.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with (
        serving(server, threading.Event()),
        running_registry(cache_folder, folder / "registry") as registry,
        running_sigstore() as sigstore,
    ):
        entry = standalone.pin(archive, f"http://127.0.0.1:{server.server_port}")
        variables = {
            "JITBUILD_RECIPES": str(standalone.recipe(folder / "recipes", entry)),
            "JITBUILD_PROVIDER": "prebuilt",
            "XDG_CONFIG_HOME": str(folder / "config"),
            **sigstore.package(folder / "package"),
        }
        yield World(registry, sigstore, variables)


@pytest.fixture(autouse=True)
def working(world: World) -> None:
    world.sigstore.failing.clear()
    world.sigstore.asked.clear()


@pytest.fixture(scope="module")
def home(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the machine that pushes."""
    home = tmp_path_factory.mktemp("builder")
    world.machine(home)("install", VERSION)
    return home


@pytest.fixture(scope="module")
def signed(world: World, home: Path) -> dict[str, Any]:
    repository = world.repository("signed")
    (pushed,) = world.job(home)("push", "--sign", VERSION, repository, "--json").json()
    return pushed


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Cli:
    return world.machine(tmp_path / "store")


def leftovers(cli: Cli) -> list[Path]:
    return [path for place in ("interpreters", "scratch") for path in (cli.home / place).glob("*")]


def manifest_of(world: World, digest: str) -> dict[str, Any]:
    return json.loads(world.registry.blob(digest).read_text())


def bundle_of(world: World, pushed: dict[str, Any]) -> str:
    """Return the digest of the bundle of the only signature of what was pushed."""
    tag = pushed["digest"].replace(":", "-")
    (link,) = (
        path for path in world.documents(pushed["repository"]) if f"tags/{tag}/current" in str(path)
    )
    (entry,) = manifest_of(world, link.read_text())["manifests"]
    return manifest_of(world, entry["digest"])["layers"][0]["digest"]


def refused(cli: Cli, code: int, *words: str) -> str:
    """Run `pull` or another command, which must fail, and return its message."""
    error = cli(*words, code=code).err
    assert error.count("error:") == 1, error
    assert leftovers(cli) == []
    return error.partition("error: ")[2]


def test_a_signed_interpreter_is_pulled_by_the_identity_of_its_workflow(
    world: World, signed: dict[str, Any], machine: Cli
) -> None:
    assert signed["signed_by"] == IDENTITY
    pull = ("pull", VERSION, "--registry", signed["repository"], "--signed-by", IDENTITY)
    result = machine(*pull, "--json")
    (interpreter,) = result.json()
    assert f"was signed by {IDENTITY}." in result.err
    assert interpreter["imported"]["verified"] == METHOD
    assert interpreter["imported"]["file"].endswith(signed["digest"])
    assert machine("which", VERSION, "--json").json()[0]["imported"]["verified"] == METHOD
    assert f"verified    {METHOD}" in machine("list", "--long").out


def test_no_token_is_printed_or_kept(world: World, home: Path) -> None:
    repository = world.repository("tokens")
    result = world.job(home)("push", "--sign", VERSION, repository, "-v")
    assert f"signed {repository}@" in result.err
    assert world.sigstore.asked == ["token", "token", "fulcio", "rekor"]
    secrets = [REQUEST_TOKEN, *world.sigstore.tokens]
    texts = [result.out + result.err]
    for folder in (home, world.registry.data / "docker/registry/v2/repositories"):
        texts += [path.read_text("latin-1") for path in folder.rglob("*") if path.is_file()]
    assert not [secret for secret in secrets for text in texts if secret in text]


def test_another_identity_or_issuer_is_refused(
    world: World, signed: dict[str, Any], machine: Cli
) -> None:
    layer = manifest_of(world, signed["digest"])["layers"][0]["digest"]
    before = world.registry.log.read_text().count(layer)
    pull = ("pull", VERSION, "--registry", signed["repository"], "--signed-by")
    message = refused(machine, 25, *pull, IDENTITY.replace("main", "dev"))
    assert f"was signed by {IDENTITY} (issuer {ISSUER}" in message
    message = refused(machine, 25, *pull, IDENTITY, "--signed-by-issuer", "https://evil.test")
    assert "not by" in message
    refused(machine, 2, *pull, "me@example.org")
    refused(machine, 2, *pull, "")
    assert world.registry.log.read_text().count(layer) == before, "it was not downloaded"


def test_another_sigstore_and_a_missing_package_are_refused(
    world: World, signed: dict[str, Any], tmp_path: Path
) -> None:
    pull = ("pull", VERSION, "--registry", signed["repository"], "--signed-by", IDENTITY)
    public = world.machine(tmp_path / "store", PYTHONPATH="")
    assert "is not from Sigstore" in refused(public, 25, *pull)
    (tmp_path / "sigstore.py").write_text("raise ImportError")
    without = world.machine(tmp_path / "store", PYTHONPATH=str(tmp_path))
    assert "jitbuild[verify]" in refused(without, 26, *pull)


def test_an_unsigned_interpreter_is_neither_pulled_nor_built(
    world: World, home: Path, machine: Cli
) -> None:
    repository = world.repository("unsigned")
    (pushed,) = world.machine(home)("push", VERSION, repository, "--json").json()
    assert pushed["signed_by"] == ""
    machine.extra |= {"JITBUILD_REGISTRY": repository, "JITBUILD_SIGNED_BY": IDENTITY}
    for command in ("pull", "install"):
        message = refused(machine, 25, command, VERSION)
        assert message.startswith(f"{repository}@{pushed['digest']} is not signed")
    machine.extra["JITBUILD_SIGNED_BY"] = ""
    (interpreter,) = machine("pull", VERSION, "--json").json()
    assert interpreter["imported"]["verified"] == ""


def test_only_signed_interpreters_are_locked(
    world: World, signed: dict[str, Any], machine: Cli, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    lock = ("lock", VERSION, "--registry", signed["repository"], "--signed-by")
    error = machine(*lock, IDENTITY.replace("main", "dev"), cwd=project, code=25).err
    assert f"was signed by {IDENTITY}" in error
    assert list(project.iterdir()) == []
    machine(*lock, IDENTITY, cwd=project)
    assert signed["digest"] in (project / "jitbuild.lock").read_text()


def test_nox_sessions_get_only_what_is_signed(
    world: World, signed: dict[str, Any], machine: Cli, tmp_path: Path
) -> None:
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    machine.extra |= {"JITBUILD_REGISTRY": signed["repository"], "JITBUILD_POLICY": "pull"}

    def nox(identity: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nox", "-s", f"jitbuild({VERSION})"],
            cwd=tmp_path,
            env=machine.env | {"JITBUILD_SIGNED_BY": identity},
            capture_output=True,
            text=True,
            check=False,
        )

    done = nox(IDENTITY.replace("main", "dev"))
    assert done.returncode == 1
    assert f"was signed by {IDENTITY}" in done.stderr
    assert leftovers(machine) == []
    done = nox(IDENTITY)
    assert done.returncode == 0, done.stderr
    (interpreter,) = machine("list", "--json").json()
    assert interpreter["imported"]["verified"] == METHOD


def test_a_tampered_signature_is_refused(
    world: World, signed: dict[str, Any], machine: Cli
) -> None:
    file = world.registry.blob(bundle_of(world, signed))
    content = file.read_bytes()
    pull = ("pull", VERSION, "--registry", signed["repository"], "--signed-by", IDENTITY)
    try:
        file.write_bytes(content.replace(b"dsseEnvelope", b"dsseEnvelopf"))
        assert "A signature of" in refused(machine, 25, *pull)
    finally:
        file.write_bytes(content)
    machine(*pull)


def test_what_was_built_is_pushed_and_signed(world: World, tmp_path: Path) -> None:
    repository = world.repository("installed")
    job = world.job(tmp_path / "job")
    job.extra["JITBUILD_REGISTRY"] = repository
    result = job("ci", "provide", "--pythons", VERSION, "--push", "--sign")
    assert f"signed {repository}@" in result.err
    machine = world.machine(tmp_path / "store", JITBUILD_SIGNED_BY=IDENTITY)
    machine.extra["JITBUILD_REGISTRY"] = repository
    (interpreter,) = machine("install", VERSION, "--json").json()
    assert interpreter["imported"]["verified"] == METHOD
    assert "--sign signs only what is pushed" in machine("install", "3.15.1", "--sign", code=2).err


@pytest.mark.parametrize("variables", [{}, {"GITHUB_ACTIONS": "true"}], ids=["none", "refused"])
def test_without_an_identity_nothing_is_pushed(
    world: World, home: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    repository = world.repository("nobody")
    error = world.machine(home, **variables)("push", "--sign", VERSION, repository, code=2).err
    assert "`permissions: id-token: write`" in error
    job = world.machine(tmp_path / "store", **variables)
    words = ("install", VERSION, "--registry", repository, "--push", "--sign")
    assert "id-token" in refused(job, 2, *words)
    assert world.documents(repository) == []


@pytest.mark.parametrize(("service", "status"), [("fulcio", 403), ("rekor", 500)])
def test_what_sigstore_does_not_sign_remains_as_pushed(
    world: World, home: Path, machine: Cli, service: str, status: int
) -> None:
    repository = world.repository(f"{service}{status}")
    world.sigstore.failing[service] = status
    result = world.job(home)("push", "--sign", VERSION, repository, code=25)
    (shown,) = result.out.splitlines()
    assert f"error: {shown} was pushed, but is not signed. Sigstore did not sign: " in result.err
    assert str(status) in result.err
    pull = ("pull", VERSION, "--registry", repository)
    assert "is not signed" in refused(machine, 25, *pull, "--signed-by", IDENTITY)
    world.sigstore.failing.clear()
    world.job(home)("push", "--sign", VERSION, repository)
    machine(*pull, "--signed-by", IDENTITY)
