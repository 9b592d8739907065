"""Download a file from a URL, and verify it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError
from jitbuild.system.files import copy_verified, provide_file
from jitbuild.system.http.client import NetworkEffects, create_client, effects_with
from jitbuild.system.http.resumable_transfer import Transfer
from jitbuild.system.http.retries import RETRIES
from jitbuild.system.http.transfer_limits import SizeLimit
from jitbuild.system.progress import SilentReporter
from jitbuild.system.urls import Address, path_of_file_url, scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.system.progress import Reporter, Stage

_EFFECTS = NetworkEffects()
_SILENT = SilentReporter()


def download(  # noqa: PLR0913
    url: str | Address,
    dest: Path,
    *,
    sha256: str | None,
    size: int = 0,
    reporter: Reporter = _SILENT,
    title: str | None = None,
    retries: int = RETRIES,
    room: int = 1,
    effects: NetworkEffects = _EFFECTS,
) -> Path:
    """Download the file at `url` (http, https or file) to `dest`, and return `dest`.

    If `dest` exists and has the SHA-256 `sha256`, it is used without any network access; if it has
    another SHA-256, it is replaced. If `sha256` is None, any existing `dest` is used and no hash is
    checked, so the caller must verify the file by other means. `size` is the exact size of the file
    in bytes; if it is 0, the file may have up to `effects.most_bytes`. A partial download that an
    earlier call left in `<dest>.part` is resumed. A failed attempt is repeated up to `retries`
    times; if an attempt made good progress before it failed, the count starts again. `title` is
    shown during the download. The disk must have space for `room` times the size of the file.

    Raises DownloadError if the server cannot be reached, MissingError if the file does not exist,
    and TruncatedError if the download kept ending early; the partial file is then kept for the next
    call. Raises IntegrityError if the file has another size or hash, DownloadError if it is larger
    than any expected file, and DiskFullError if the disk is full or has too little space; the
    partial file is then removed. Raises StoreError if `dest` cannot be written.
    """
    address = Address(url)
    scheme = scheme_of(address.reveal())
    if scheme == "file":
        source = Path(path_of_file_url(address.reveal()))
        return copy_verified(source, dest, sha256=sha256, size=size, reporter=reporter, title=title)
    if scheme not in {"http", "https"}:
        raise DownloadError(
            f"{address} is not a URL that can be downloaded.",
            remedy="Use an http, https or file URL.",
        )

    limit = SizeLimit(size=size, room=room, most=effects.most_bytes, free_space=effects.free_space)

    def fetch(part: Path, stage: Stage) -> None:
        with create_client(effects) as client:
            transfer = Transfer(
                address=address,
                part=part,
                sha256=sha256,
                limit=limit,
                client=client,
                effects=effects,
                stage=stage,
            )
            transfer.run(retries)

    return provide_file(dest, fetch, sha256=sha256, reporter=reporter, title=title)


def downloader(least_speed: int | None, *, room: int = 1) -> Callable[..., Path]:
    """Return `download` with `least_speed`, in bytes per second, as the lowest accepted speed.

    None stands for the default. `room` is that of `download`.
    """
    if least_speed is None:
        return functools.partial(download, room=room) if room > 1 else download
    return functools.partial(download, room=room, effects=effects_with(least_speed))
