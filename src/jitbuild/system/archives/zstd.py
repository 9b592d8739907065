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


def compressed(file: BinaryIO, *, level: int, workers: int | None = None) -> BinaryIO:
    """Return a file that writes into `file` in compressed form; closing it ends the frame.

    `workers` is the number of threads that compress; None stands for the number of processors. The
    result depends on the version of libzstd, and is the same for any number of workers except 0.
    Raises PreflightError if this Python has no zstd.
    """
    zstd = _module()
    parameter = zstd.CompressionParameter
    options = {parameter.compression_level: level, parameter.checksum_flag: 1}
    _, most = parameter.nb_workers.bounds()
    if most > 0:
        # zstd.h, ZSTD_c_nbWorkers
        wanted = (os.cpu_count() or 1) if workers is None else workers
        options[parameter.nb_workers] = min(most, wanted)
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
