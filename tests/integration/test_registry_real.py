"""A real registry between two machines: other homes, other stores and, as root, another user."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from cli import Cli
from registry_server import PASSWORD, USER, Registry, running_registry

from snippets import all_blocks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("builds"),
    pytest.mark.skipif(os.name != "posix", reason="the interpreter is built with make"),
]


def names(cli: Cli) -> list[str]:
    return [each["name"] for each in cli("list", "--json").json()]


def leftovers(cli: Cli) -> list[Path]:
    """Return what a failed pull left in the store, except for locks and the marker."""
    places = ("interpreters", "scratch", "sources")
    return [path for place in places for path in (cli.home / place).glob("*")]


def manifest_of(registry: Registry, digest: str) -> dict:
    return json.loads(registry.blob(digest).read_text())


def layer_of(registry: Registry, digest: str) -> str:
    return manifest_of(registry, digest)["layers"][0]["digest"]


def test_the_same_interpreter_has_one_digest(
    pushed: dict, builder: Cli, registry: Registry, cpython_version: str
) -> None:
    (again,) = builder("push", cpython_version, registry.repository, "--json").json()
    assert again == pushed


def test_install_asks_the_registry_before_it_builds(
    pushed: dict, machine: Cli, cpython_version: str
) -> None:
    result = machine("install", cpython_version, "--json")
    (interpreter,) = result.json()
    assert interpreter["state"] == "proven"
    assert "make" not in interpreter["times"]


def test_sixteen_processes_download_it_once(
    pushed: dict, machine: Cli, registry: Registry, cpython_version: str
) -> None:
    layer = layer_of(registry, pushed["digest"])
    before = registry.downloads(layer)
    with ThreadPoolExecutor(16) as pool:
        runs = [pool.submit(machine, "pull", cpython_version) for _ in range(16)]
    assert {run.result().code for run in runs} == {0}
    assert registry.downloads(layer) - before == 1
    assert len(names(machine)) == 1


def test_stencils_from_the_registry_spare_the_llvm(
    builder: Cli,
    machine: Cli,
    registry: Registry,
    cpython_archive: Path,
    cpython_version: str,
) -> None:
    repository = f"{registry.repository}-stencils"  # without the interpreter
    builder("push", "--stencils", repository)
    # The objects of the first build make this one short; stencils are not among them.
    for cache in ("ccache", "ccache-bin", "configure"):
        if (builder.home / cache).is_dir():
            shutil.copytree(builder.home / cache, machine.home / cache, symlinks=True)
    machine.extra |= {
        "JITBUILD_MIRROR": str(cpython_archive.parent),
        "JITBUILD_REGISTRY": repository,
        "JITBUILD_LLVM": "system",  # there is none on the machines that run this test
    }
    (interpreter,) = machine("install", cpython_version, "--json").json()
    entries = [
        {path.name: path.read_bytes() for path in (cli.home / "stencils").glob("*.entry")}
        for cli in (builder, machine)
    ]
    assert entries[1].items() <= entries[0].items()
    assert interpreter["caches"]["stencils"] == "hit"
    assert interpreter["verdict"]["jit"]["machine_code_bytes"] > 0


def test_the_commands_of_the_page_run(
    builder: Cli, machine: Cli, registry: Registry, cpython_version: str, tmp_path: Path
) -> None:
    """Each command runs as printed, with this registry and the release that is at hand."""
    project = tmp_path / "project"
    project.mkdir()
    pushing = Cli(builder.home, {**builder.extra, "JITBUILD_REGISTRY": registry.repository})
    for block in all_blocks():
        if block.page != "docs/registry.md" or block.language != "console":
            continue
        for line in block.text.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[0] == "export":
                continue  # this is a setting of `machine`
            replaced = [
                registry.repository
                if word == "ghcr.io/OWNER/jitbuild"
                else cpython_version
                if re.fullmatch(r"3\.[0-9.]+", word)
                else word
                for word in words[1:]
            ]
            cli = pushing if words[1] == "push" or "--push" in words else machine
            cli(*replaced, cwd=project)


def test_the_lock_file_is_the_same_twice_and_binding(
    pushed: dict,
    builder: Cli,
    machine: Cli,
    registry: Registry,
    tmp_path: Path,
    cpython_version: str,
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    absent = machine("lock", cpython_version, "--check", cwd=project, code=1)
    assert "jitbuild.lock does not exist" in absent.err
    machine("lock", cpython_version, cwd=project)
    lock = project / "jitbuild.lock"
    content = lock.read_text()
    assert pushed["digest"] in content
    machine("lock", cpython_version, cwd=project)
    assert lock.read_text() == content
    assert machine("lock", cpython_version, "--check", cwd=project).code == 0
    machine("pull", cpython_version, cwd=project)
    machine("uninstall", cpython_version)
    lock.write_text(content.replace(pushed["digest"], f"sha256:{'0' * 64}"))
    result = machine("pull", cpython_version, cwd=project, code=9)
    assert "jitbuild.lock states" in result.err
    assert names(machine) == []
    assert machine("lock", cpython_version, "--check", cwd=project, code=1).code == 1


def test_a_tampered_blob_or_manifest_is_refused(
    pushed: dict, machine: Cli, registry: Registry, cpython_version: str
) -> None:
    for digest in (layer_of(registry, pushed["digest"]), pushed["digest"]):
        file = registry.blob(digest)
        content = file.read_bytes()
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        try:
            result = machine("pull", cpython_version, code=None)
        finally:
            file.write_bytes(content)
        assert result.code == 9, result.err
        assert result.err.count("error:") == 1
        assert leftovers(machine) == []
    machine("pull", cpython_version)


def test_a_registry_with_a_password(
    builder: Cli, cache_folder: Path, tmp_path: Path, cpython_version: str
) -> None:
    with running_registry(cache_folder, tmp_path / "server", password=True) as registry:
        home = tmp_path / "docker"
        home.mkdir()
        cli = Cli(builder.home, {**builder.extra, "DOCKER_CONFIG": str(home)})
        result = cli("push", cpython_version, registry.repository, code=27)
        assert "HTTP 401" in result.err
        assert "docker login" in result.err
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        host = registry.repository.partition("/")[0]
        (home / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        outputs = [cli("push", cpython_version, registry.repository)]
        other = Cli(tmp_path / "store", {"DOCKER_CONFIG": str(home)})
        outputs.append(other("pull", cpython_version, "--registry", registry.repository))
        for each in outputs:
            assert PASSWORD not in each.out + each.err
        secret = [
            path
            for path in other.home.rglob("*")
            if path.is_file() and PASSWORD.encode() in path.read_bytes()
        ]
        assert secret == []


def test_what_the_registry_does_not_have_is_one_error(
    pushed: dict, machine: Cli, registry: Registry, cpython_version: str
) -> None:
    result = machine("pull", cpython_version, "--profile", "release", code=21)
    assert result.err.splitlines()[-2].startswith(f"error: {registry.repository} has no cpython-")
    assert leftovers(machine) == []
