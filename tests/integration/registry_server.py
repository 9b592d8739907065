"""A real registry on this machine: Debian's docker-registry, with its data in a folder."""

from __future__ import annotations

import base64
import contextlib
import re
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import debian
from serving import start_on_free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "octo", "s3cret-word"
BASIC = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
# bcrypt of PASSWORD, as htpasswd writes it.
_HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuEpHRRKIlpAGo.iP7Bpa.htQEJMAAnRe\n"


@dataclass
class Registry:
    """A running registry: its port, the folder of its data, and its log."""

    port: int
    data: Path
    log: Path

    @property
    def repository(self) -> str:
        return f"127.0.0.1:{self.port}/team/jitbuild"

    def requests(self, name: str = "team/jitbuild") -> list[str]:
        """Return the methods and paths of the finished requests to the repository `name`."""
        return re.findall(rf'"([A-Z]+ /v2/{name}/\S*) HTTP/1.1"', self.log.read_text())

    def downloads(self, digest: str) -> int:
        """Return how many requests the blob `digest` was sent for."""
        pattern = rf'"GET /v2/team/jitbuild/blobs/{digest} HTTP/1.1" (?:200|206)'
        return len(re.findall(pattern, self.log.read_text()))

    def blob(self, digest: str) -> Path:
        """Return the file in which the registry keeps the blob or document `digest`."""
        plain = digest.removeprefix("sha256:")
        return self.data / "docker/registry/v2/blobs/sha256" / plain[:2] / plain / "data"


@contextlib.contextmanager
def running_registry(
    cache: Path, folder: Path, *, password: bool = False, auth: str = ""
) -> Iterator[Registry]:
    """Run a registry with its data in `folder`; with `password`, it asks for USER and PASSWORD.

    `auth` is another configuration of its authentication.
    """
    program = shutil.which("docker-registry") or str(
        debian.interpreters(cache, ("docker-registry",), ("docker-registry",))["docker-registry"]
    )
    folder.mkdir()
    (folder / "htpasswd").write_text(_HTPASSWD)
    if password:
        auth = f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n"
    log = folder / "log"

    def words(port: int) -> list[object]:
        (folder / "config.yml").write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f"http: {{addr: '127.0.0.1:{port}'}}\n{auth}"
        )
        return [program, "serve", folder / "config.yml"]

    def answers(port: int) -> bool:
        socket.create_connection(("127.0.0.1", port), timeout=20).close()
        return True

    server, port = start_on_free_port(words, log, answers)
    try:
        yield Registry(port, folder / "data", log)
    finally:
        server.terminate()
        server.wait()
