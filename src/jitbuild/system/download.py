"""Downloads: a verified file from a URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError
from jitbuild.system.files import copy_verified, provide_file
from jitbuild.system.http_client import NetworkEffects, create_client
from jitbuild.system.progress import SilentReporter
from jitbuild.system.resumable_transfer import Transfer
from jitbuild.system.urls import path_of_file_url, redacted, scheme_of

if TYPE_CHECKING:
    from jitbuild.system.progress import Reporter, Stage

_EFFECTS = NetworkEffects()
_SILENT = SilentReporter()


def download(  # noqa: PLR0913
    url: str,
    dest: Path,
    *,
    sha256: str | None,
    reporter: Reporter = _SILENT,
    title: str | None = None,
    retries: int = 4,
    effects: NetworkEffects = _EFFECTS,
) -> Path:
    """Download the file at `url` (http, https or file) to `dest`, and return `dest`.

    A `dest` that exists with the right hash is used as it is, without the network; one with another
    hash is replaced. With `sha256` None the caller verifies the file by other means. What an
    earlier call left in `<dest>.part` is resumed. A failed attempt is repeated up to `retries`
    times; one that made good progress is not counted.

    Raises DownloadError (the server cannot be reached), MissingError (the file does not exist),
    TruncatedError (the download kept ending early; the part stays for the next call),
    IntegrityError (the file is another one; nothing stays), DiskFullError (nothing stays) or
    StoreError.
    """
    scheme = scheme_of(url)
    if scheme == "file":
        source = Path(path_of_file_url(url))
        return copy_verified(source, dest, sha256=sha256, reporter=reporter, title=title)
    if scheme not in {"http", "https"}:
        raise DownloadError(
            f"{redacted(url)} is not a URL that can be downloaded.",
            remedy="Use an http, https or file URL.",
        )

    def fetch(part: Path, stage: Stage) -> None:
        with create_client(effects) as client:
            transfer = Transfer(
                url=url, part=part, sha256=sha256, client=client, effects=effects, stage=stage
            )
            transfer.run(retries)

    return provide_file(dest, fetch, sha256=sha256, reporter=reporter, title=title)
