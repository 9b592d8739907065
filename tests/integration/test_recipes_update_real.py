"""`jitbuild recipes update` and `check` with a real server that has the API's shape."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import shlex
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import release_api
from release_api import ReleaseServer, endless, spdx, status, truncated

import snippets
from jitbuild import api
from jitbuild.cli.main import main
from jitbuild.pins import pin_source
from jitbuild.recipes.catalog import load_catalog
from jitbuild.sources.obtain_tree import obtain
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.system.signatures import verify_signature
from sigstore_instance import SigstoreInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

NEW = "3.15.98"
NAME = f"Python-{NEW}.tar.xz"
ARCHIVE = f"/ftp/python/{NEW}/{NAME}"
UNSIGNED = "release API and SPDX document; not verified by signature"
HUGO = {"identity": "hugo@python.org", "issuer": "https://github.com/login/oauth"}


class Ended(NamedTuple):
    """The result of a command."""

    code: int
    out: str
    err: str


def content() -> bytes:
    """Return a .tar.xz with the files of a source tree that are read before a build."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name, text in {
            "Include/patchlevel.h": f'#define PY_VERSION "{NEW}"\n',
            "configure": "# --enable-experimental-jit\n",
        }.items():
            member = tarfile.TarInfo(f"Python-{NEW}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


CONTENT = content()
SHA, OTHER = hashlib.sha256(CONTENT).hexdigest(), "cd" * 32


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    """A server with a new release."""
    with release_api.serve() as python_org:
        python_org.add(NEW, sha256=SHA, size=len(CONTENT))
        yield python_org


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder of the user's own recipes, which does not exist yet."""
    return tmp_path / "config" / "jitbuild" / "recipes"


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run a command in a home of its own, as if the package sigstore were not installed."""
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("JITBUILD_RECIPES", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "sigstore", None)

    def run(*words: object) -> Ended:
        load_catalog.cache_clear()
        code = main([*map(str, words)])
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def sigstore(monkeypatch: pytest.MonkeyPatch) -> SigstoreInstance:
    """Let signatures be verified against a Sigstore instance of the test's own."""
    instance = SigstoreInstance()
    monkeypatch.delitem(sys.modules, "sigstore")
    check = functools.partial(verify_signature, verifier=instance.verifier)
    monkeypatch.setattr(pin_source, "installed_signature_check", lambda: check)
    return instance


def test_a_new_release_is_verified_written_and_then_installed_from_a_mirror(
    run, server, own, tmp_path
):
    assert run("plan", NEW).code == 3
    ended = run("recipes", "update", "3.15", "--api", server.api)
    assert ended.code == 0
    assert ended.out.split() == [NEW, "new", SHA[:12], *UNSIGNED.split()]
    file = own / "cpython-3.15.toml"
    assert f"Wrote {file}." in ended.err
    host = "127.0.0.1"
    assert load_catalog(own).tags()[NEW].stated_by == (host,)
    (row,) = json.loads(run("recipes", NEW, "--json").out)
    assert (row["origin"], row["file"], row["sha256"]) == ("own", str(file), SHA)
    assert run("plan", NEW).code == 0

    # The stages of an install up to the build: the manifest records `verified`.
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / NAME).write_bytes(CONTENT)
    tree = obtain(
        api.plan(NEW).source,
        tmp_path / "source",
        origin=ArchiveOrigin.parse(str(mirror)),
        cache=tmp_path / "cache",
    )
    assert tree.verified == f"sha256 pin in a recipe, verified: {UNSIGNED}"


def test_a_pin_that_only_one_publisher_states_is_settled(run, server, own):
    tag = load_catalog().tags()["3.15.2"]
    server.add("3.15.2", sha256=tag.tar_xz, size=tag.size)
    ended = run("recipes", "update", "--api", server.api)
    assert (ended.code, ended.out.split()[:2]) == (0, ["3.15.2", "confirmed"])
    settled = load_catalog(own).tags()["3.15.2"]
    assert (settled.tar_xz, settled.tgz, settled.size) == (tag.tar_xz, tag.tgz, tag.size)
    assert settled.stated_by == ("debian", "127.0.0.1")
    ended = run("recipes", "update", "--api", server.api)
    assert (ended.code, ended.out) == (0, "")
    assert "The recipes have every release that 127.0.0.1 lists." in ended.err


def test_answers_are_kept_for_a_day_and_refreshed_with_a_condition(run, server):
    run("recipes", "update", "--api", server.api)
    server.requests.clear()
    run("recipes", "update", "--api", server.api)
    assert server.requests == []
    run("recipes", "update", "--api", server.api, "--refresh")
    ((path, headers),) = server.requests
    assert path.endswith("/release/?is_published=true")
    assert headers["If-None-Match"]


def test_the_shipped_recipes_of_a_checkout_are_updated_in_place(run, server, tmp_path):
    folder = tmp_path / "checkout"
    folder.mkdir()
    text = (Path(__file__).parents[2] / "recipes" / "cpython-3.15.toml").read_text()
    (folder / "cpython-3.15.toml").write_text(text)
    server.add("3.15.1", sha256=SHA)
    assert run("recipes", "update", "--recipes", folder, "--api", server.api).code == 0
    assert [path.name for path in folder.iterdir()] == ["cpython-3.15.toml"]
    new = (folder / "cpython-3.15.toml").read_text()
    order = [new.index(f'version = "{each}"') for each in ("3.15.0", "3.15.1", "3.15.2", NEW)]
    assert order == sorted(order)
    lost = [line for line in text.splitlines() if line not in new.splitlines()]
    assert [line for line in lost if not line.startswith(("version =", "reason ="))] in (
        [],
        ["[[unpinned]]"],
    )


def hostile(server: ReleaseServer, **release: object) -> None:
    server.releases[-1] |= release
    server.list_releases()


FAILURES: dict[str, tuple[Callable[[ReleaseServer], object], int, str]] = {
    "another sha256 in the SPDX document": (
        lambda server: server.answers.update({f"{ARCHIVE}.spdx.json": spdx(OTHER)}),
        9,
        f"{NAME} has two different sha256. The release API: {SHA}.",
    ),
    "another pin than that of the recipes": (
        lambda server: server.add("3.15.2", sha256=OTHER),
        9,
        "The pins of 3.15.2 differ. The recipes (stated by debian): sha256 ",
    ),
    "a truncated answer": (
        lambda server: server.break_list(truncated(b'[{"name": "Python 3.15.98", ')),
        8,
        " failed: peer closed connection",
    ),
    "truncated JSON": (
        lambda server: server.break_list(b'[{"name": "Python 3.15.98", '),
        7,
        "cannot be used: it is not JSON",
    ),
    "wrong types": (
        lambda server: hostile(server, is_published="yes"),
        7,
        "cannot be used: Expected `bool`, got `str`",
    ),
    "a name with a path": (
        lambda server: hostile(server, name="Python ../../x"),
        7,
        "cannot be used: it names a release 'Python ../../x'.",
    ),
    "a name with controls": (
        lambda server: hostile(server, name="Python 3.15.98\x1b[2J"),
        7,
        r"it names a release 'Python 3.15.98\x1b[2J'.",
    ),
    "an endless answer": (lambda server: server.break_list(endless), 7, "is larger than 16.0 MB"),
    "a redirect to another host": (
        lambda server: server.break_list(status(302, Location="https://example.com/x")),
        7,
        "it leads to another server (https://example.com).",
    ),
    "HTTP 403": (lambda server: server.break_list(status(403)), 7, "denied (HTTP 403 Forbidden)"),
    "HTTP 429": (
        lambda server: server.break_list(status(429, Retry_After="3600")),
        7,
        "(HTTP 429 Too Many Requests).\nRun the same command again in 60 min 00 s.",
    ),
    "HTTP 500": (
        lambda server: server.break_list(status(500)),
        7,
        "the server answered HTTP 500 Internal Server Error.",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_one_message_and_nothing_is_written(run, server, own, name):
    fail, code, text = FAILURES[name]
    fail(server)
    ended = run("recipes", "update", "--api", server.api)
    assert (ended.code, ended.out) == (code, "")
    message = ended.err.partition("error: ")[2]
    assert text in message
    assert len(message.splitlines()) == 2, "a fact and a remedy"
    assert not own.exists()


def test_offline_the_message_says_so(run, own):
    with release_api.serve() as gone:
        pass
    ended = run("recipes", "update", "--api", gone.api)
    assert ended.code == 7
    assert "The request to " in ended.err
    assert "Check the network" in ended.err
    assert not own.exists()


def test_a_release_that_cannot_be_verified_yet_is_left_out(run, server, own):
    del server.answers[f"{ARCHIVE}.spdx.json"]
    ended = run("recipes", "update", "--api", server.api)
    assert ended.code == 1
    assert ended.out.startswith(f"{NEW}  unverified")
    assert f"{NAME}.spdx.json was not found (HTTP 404 Not Found)" in ended.out
    assert not own.exists()


def test_the_signature_of_the_release_manager_is_verified(run, server, own, sigstore):
    server.answers[f"{ARCHIVE}.sigstore"] = sigstore.sign(CONTENT, **HUGO)
    ended = run("recipes", "update", "--api", server.api)
    assert ended.code == 0
    assert load_catalog(own).tags()[NEW].verified == "Sigstore signature of hugo@python.org"
    assert f"{ARCHIVE}.spdx.json" not in [path for path, _ in server.requests]


def test_a_pin_without_a_signature_is_verified_again_with_one(run, server, own, request):
    run("recipes", "update", "--api", server.api)
    assert load_catalog(own).tags()[NEW].verified == UNSIGNED
    sigstore = request.getfixturevalue("sigstore")
    server.answers[f"{ARCHIVE}.sigstore"] = sigstore.sign(CONTENT, **HUGO)
    ended = run("recipes", "update", "--api", server.api)
    assert (ended.code, ended.out.split()[:2]) == (0, [NEW, "confirmed"])
    load_catalog.cache_clear()
    assert load_catalog(own).tags()[NEW].verified == "Sigstore signature of hugo@python.org"


REAL_BUNDLE = "pypi_attestations-0.0.19.tar.gz.sigstore.json"
BUNDLES: dict[str, tuple[Callable[[SigstoreInstance], bytes], str]] = {
    "another identity": (
        lambda instance: instance.sign(CONTENT, **{**HUGO, "identity": "eve@example.org"}),
        f"{NAME} was signed by eve@example.org (issuer {HUGO['issuer']}), not by hugo@python.org",
    ),
    "another issuer": (
        lambda instance: instance.sign(CONTENT, **{**HUGO, "issuer": "https://evil.test"}),
        "(issuer https://evil.test), not by hugo@python.org",
    ),
    "another file": (
        lambda instance: instance.sign(b"other", **HUGO),
        f"{NAME} is not the file that was signed: its sha256 is {SHA}",
    ),
    "an expired certificate": (
        lambda instance: instance.sign(
            CONTENT, **HUGO, logged_at=datetime(2026, 11, 1, 13, tzinfo=UTC)
        ),
        f"The signature of {NAME} was not made while its certificate was valid",
    ),
    "another Sigstore": (
        lambda instance: SigstoreInstance().sign(CONTENT, **HUGO),
        f"The certificate for the signature of {NAME} is not from Sigstore",
    ),
    "a real bundle of another project": (
        lambda _: (Path(__file__).parents[1] / "unit" / "sigstore" / REAL_BUNDLE).read_bytes(),
        NAME,
    ),
    "a truncated bundle": (
        lambda instance: instance.sign(CONTENT, **HUGO)[:-100],
        f"The signature of {NAME} cannot be used",
    ),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_each_wrong_signature_is_one_message_and_nothing_is_written(
    run, server, own, sigstore, name
):
    bundle, text = BUNDLES[name]
    server.answers[f"{ARCHIVE}.sigstore"] = bundle(sigstore)
    ended = run("recipes", "update", "--api", server.api)
    assert (ended.code, ended.out) == (25, "")
    message = ended.err.partition("error: ")[2]
    assert text in message
    assert len(message.splitlines()) == 2, "a fact and a remedy"
    assert not own.exists()
    ended = run("recipes", "check", "3.15", "--api", server.api)
    assert ended.code == 0, "it is not in the recipes, so it is not checked"


def test_check_verifies_the_pins_of_a_series_again(run, server, own):
    run("recipes", "update", "--api", server.api)
    ended = run("recipes", "check", "3.15", "--api", server.api)
    assert ended.code == 0
    lines = {line.split()[0]: line for line in ended.out.splitlines()}
    assert lines[NEW].split()[1:3] == ["confirmed", SHA[:12]]
    assert "127.0.0.1 lists no such release" in lines["3.15.0b2"]
    server.answers[f"{ARCHIVE}.spdx.json"] = spdx(OTHER)
    ended = run("recipes", "check", "3.15", "--api", server.api)
    assert ended.code == 1
    assert f"{NEW}" in ended.out
    assert "different" in ended.out


def test_the_commands_in_the_documentation_run(run, server):
    (block,) = [
        block
        for block in snippets.all_blocks()
        if snippets.fnmatchcase(block.name, "docs/recipes.md: New releases*: console")
    ]
    commands = [
        shlex.split(line.removeprefix("$ jitbuild "), comments=True)
        for line in block.text.splitlines()
    ]
    assert len(commands) == 4
    for words in commands:
        online = ["--api", server.api] if {"update", "check"} & {*words} else []
        assert run(*words, *online).code == 0
