"""The name of a repository in an OCI registry, such as `ghcr.io/octo-org/jitbuild`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jitbuild.errors import UsageError
from jitbuild.system.urls import Address

# OCI distribution specification 1.1, "Pulling manifests".
_NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?")
_LONGEST_NAME = 255
_LAST_PORT = 65535
_EXAMPLE = "Write HOST/NAME, such as registry.example.com/team/jitbuild."
# Docker Hub's registry has another host than the one in its names.
_HOSTS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: the host of its registry (with a port, if any), and its name there.

    `scheme` is `https`, or `http` for a registry without TLS.
    """

    scheme: str
    host: str
    name: str

    def url(self, path: str) -> str:
        """Return the URL of `path` in the repository, such as `manifests/3.15.2-jit-release`."""
        return f"{self.scheme}://{_HOSTS.get(self.host, self.host)}/v2/{self.name}/{path}"

    def __str__(self) -> str:
        prefix = "http://" if self.scheme == "http" and not _LOOPBACK.fullmatch(self.host) else ""
        return f"{prefix}{self.host}/{self.name}"


def parse_repository(text: str) -> Repository:
    """Return the repository that `text` names: `HOST[:PORT]/NAME`.

    The registry is reached over https, and over http if its host is this machine, or if `text`
    begins with `http://`. Raises UsageError if `text` is not the name of a repository.
    """
    shown = Address(text)  # a person may have written a password
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    if scheme.lower() not in {"", "http", "https", "oci"}:
        raise UsageError(f"{shown} is not a repository: its scheme is unknown.", remedy=_EXAMPLE)
    host, slash, name = rest.rstrip("/").partition("/")
    if "@" in host:
        raise UsageError(
            f"{shown} contains a user or a password.",
            remedy="Omit them: credentials are taken from Docker's config.json (`docker login`), or"
            " from JITBUILD_REGISTRY_USER and JITBUILD_REGISTRY_PASSWORD.",
        )
    matched = _HOST.fullmatch(host)
    if not slash or matched is None or int(matched["port"] or 0) > _LAST_PORT:
        raise UsageError(f"{shown} is not the name of a repository.", remedy=_EXAMPLE)
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        lower = name.lower()
        hint = (
            f"Write it in lower case: {scheme}{separator}{host}/{lower}."
            if _NAME.fullmatch(lower)
            else _EXAMPLE
        )
        raise UsageError(f"{shown} is not the name of a repository in a registry.", remedy=hint)
    if scheme.lower() in {"", "oci"}:
        scheme = "http" if _LOOPBACK.fullmatch(host) else "https"
    return Repository(scheme.lower(), host.lower(), name)


def is_digest(text: str) -> bool:
    """Return True if `text` is a SHA-256 digest in the notation of registries."""
    return bool(_DIGEST.fullmatch(text))
