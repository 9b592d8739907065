"""The credentials for a registry: from the environment, or from the files of Docker and Podman.

Sources: docker-login(1) ("Credential stores", "Credential helpers"), containers-auth.json(5), and
github.com/docker/docker-credential-helpers (the protocol of the helpers).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild.errors import RegistryError
from jitbuild.system import process
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jitbuild.system.process import Runner

USER, PASSWORD = "JITBUILD_REGISTRY_USER", "JITBUILD_REGISTRY_PASSWORD"
LOG_IN = f"Log in (`docker login`), or set {USER} and {PASSWORD}."
# The user name with which a helper says that its secret is an identity token, not a password.
_IDENTITY_USER = "<token>"
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HELPER_SECONDS = 60
# Docker Hub's credentials have a key of their own.
_DOCKER_HUB = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with a password, or an identity token (OAuth 2's refresh token). Never shown."""

    user: str = ""
    password: str = ""
    identity_token: str = ""

    @property
    def basic(self) -> str:
        """The value of the header Authorization for basic authentication; "" without a user."""
        if not self.user:
            return ""
        text = f"{self.user}:{self.password}"
        return f"Basic {base64.b64encode(text.encode()).decode()}"

    def __repr__(self) -> str:
        return "Credentials(***)"

    def __bool__(self) -> bool:
        return bool(self.user or self.identity_token)


def find_credentials(
    host: str, *, environ: Mapping[str, str] | None = None, runner: Runner = process.run
) -> Credentials:
    """Return the credentials for the registry `host`; empty ones if there are none.

    They are taken from JITBUILD_REGISTRY_USER and JITBUILD_REGISTRY_PASSWORD or, without these,
    from the first file with credentials for `host`: the one that REGISTRY_AUTH_FILE names, Docker's
    config.json (in DOCKER_CONFIG or ~/.docker), Podman's auth.json. A credential helper that the
    file names for `host` is run. Raises RegistryError if a file or a helper is defective.
    """
    environ = os.environ if environ is None else environ
    if environ.get(USER):
        return Credentials(user=environ[USER], password=environ.get(PASSWORD, ""))
    for path in _files(environ):
        table = _read(path)
        found = _from_table(table, path, host, runner) if table else Credentials()
        if found:
            return found
    return Credentials()


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("REGISTRY_AUTH_FILE"):
        yield Path(environ["REGISTRY_AUTH_FILE"])
    home = Path(environ["HOME"]) if environ.get("HOME") else _home()
    if environ.get("DOCKER_CONFIG"):
        yield Path(environ["DOCKER_CONFIG"], "config.json")
    elif home:
        yield home / ".docker/config.json"
    if environ.get("XDG_RUNTIME_DIR"):
        yield Path(environ["XDG_RUNTIME_DIR"], "containers/auth.json")
    if home:
        yield home / ".config/containers/auth.json"


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # no entry for the user's id, as in many containers
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(path.read_bytes()) if path.is_file() else {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise _defective(path, reason or "it cannot be read") from None
    if not isinstance(content, dict):
        raise _defective(path, "it is not a JSON object")
    return content


def _from_table(table: dict[str, Any], path: Path, host: str, runner: Runner) -> Credentials:
    keys = (_DOCKER_HUB, host) if host in {"docker.io", "index.docker.io"} else (host,)
    auths, helpers = (_table(table, name, path) for name in ("auths", "credHelpers"))
    for key in keys:
        helper = helpers.get(key) or table.get("credsStore")
        entry = _entry(auths, key)
        if entry.get("auth") or entry.get("identitytoken"):
            return _from_entry(entry, path)
        if helper and (found := _from_helper(str(helper), key, path, runner)):
            return found
    return Credentials()


def _table(table: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    content = table.get(name) or {}
    if not isinstance(content, dict):
        raise _defective(path, f"its key {name} is not an object")
    return content


def _entry(auths: dict[str, Any], host: str) -> dict[str, Any]:
    """Return the entry for `host`; older versions of Docker wrote a URL as its key."""
    for key, entry in auths.items():
        plain = re.sub(r"^https?://|/(v[12]/?)?$", "", key)
        if isinstance(entry, dict) and (key == host or plain == host):
            return entry
    return {}


def _from_entry(entry: dict[str, Any], path: Path) -> Credentials:
    token = str(entry.get("identitytoken") or "")
    try:
        text = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _defective(path, "a value of `auth` is not in base64") from None
    user, _, password = text.rstrip("\0").partition(":")
    return Credentials(user=user, password=password, identity_token=token)


def _from_helper(name: str, host: str, path: Path, runner: Runner) -> Credentials:
    """Return the credentials that the helper docker-credential-NAME has for `host`."""
    program = f"docker-credential-{name}"
    if not _HELPER_NAME.fullmatch(name):
        raise _defective(path, f"{name!r} is not the name of a credential helper")
    try:
        result = runner([program, "get"], stdin=host, timeout=_HELPER_SECONDS)
    except OSError:
        raise RegistryError(
            f"{path} names the credential helper {program}, which is not on PATH.",
            remedy=f"Install it, or set {USER} and {PASSWORD}.",
        ) from None
    if not result.ok:
        # The helpers answer in this way if they have no credentials; then the access is anonymous.
        if "not found" in result.stdout + result.stderr:
            return Credentials()
        # stdout, which may contain a secret, is not shown.
        reason = result.stderr.strip() or f"exit code {result.returncode}"
        if result.timed_out:
            reason = f"no answer within {_HELPER_SECONDS} s"
        raise RegistryError(
            f"The credential helper {program} failed for {host}: {reason}.",
            remedy=f"Run `{program} get` to see why, or set {USER} and {PASSWORD}.",
        )
    try:
        answer = parse_json(result.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise RegistryError(
            f"The answer of the credential helper {program} is not JSON with Username and Secret.",
            remedy=f"Set {USER} and {PASSWORD} instead.",
        ) from None
    if user == _IDENTITY_USER:
        return Credentials(identity_token=secret)
    return Credentials(user=user, password=secret)


def _defective(path: Path, reason: str) -> RegistryError:
    return RegistryError(
        f"The credentials in {path} cannot be used: {reason}.",
        remedy=f"Correct the file (`docker login` writes it), or set {USER} and {PASSWORD}.",
    )
