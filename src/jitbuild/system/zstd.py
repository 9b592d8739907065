"""Compress and decompress zstd: compression.zstd of Python 3.14 (PEP 784), or its backport."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from jitbuild.errors import PreflightError

if TYPE_CHECKING:
    from typing import BinaryIO

# RFC 8878, section 3.1.1.
_MAGIC = b"\x28\xb5\x2f\xfd"


def is_zstd(file: BinaryIO) -> bool:
    """Return True if `file` begins with a zstd frame; its position is not changed."""
    begin = file.tell()
    magic = file.read(len(_MAGIC))
    file.seek(begin)
    return magic == _MAGIC


def decompressed(file: BinaryIO) -> BinaryIO:
    """Return a file that reads the decompressed content of `file`.

    Raises PreflightError if this Python has no zstd.
    """
    stream: BinaryIO = _module().open(file, "rb")
    return stream


def compressed(file: BinaryIO, *, level: int) -> BinaryIO:
    """Return a file that writes into `file` in compressed form; closing it ends the frame.

    The result depends on the version of libzstd, but not on the number of processors. Raises
    PreflightError if this Python has no zstd.
    """
    zstd = _module()
    parameter = zstd.CompressionParameter
    options = {parameter.compression_level: level, parameter.checksum_flag: 1}
    _, most = parameter.nb_workers.bounds()
    if most > 0:
        # With one worker or more, the result is the same for any number of workers (zstd.h,
        # ZSTD_c_nbWorkers); without workers, it is another one.
        options[parameter.nb_workers] = min(most, os.cpu_count() or 1)
    stream: BinaryIO = zstd.open(file, "wb", options=options)
    return stream


def _module() -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise PreflightError(
            "The Python that runs jitbuild has no zstd.",
            remedy="Install the package backports.zstd for it; from Python 3.14 on, run jitbuild "
            "with a Python that was built with libzstd.",
        ) from error
    return zstd
