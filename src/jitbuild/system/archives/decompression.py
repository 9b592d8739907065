"""Read the content of archives that are compressed by gzip, bzip2, xz or zstd, or not at all."""

from __future__ import annotations

import contextlib
import importlib
import io
import queue
import tarfile
import threading
from typing import TYPE_CHECKING

from jitbuild.system.archives.zstd import decompressed as decompressed_zstd
from jitbuild.system.archives.zstd import is_zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 1 << 18
_BLOCKS_AHEAD = 4
# The first bytes of a file, and the module that decompresses it.
_MODULES = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}


def decompressed(file: BinaryIO) -> BinaryIO:
    """Return a file that reads the decompressed content of `file`: `file` itself if it is plain.

    Raises PreflightError or tarfile.CompressionError if this Python lacks the module for the
    format.
    """
    if is_zstd(file):
        return decompressed_zstd(file)
    begin = file.read(max(map(len, _MODULES)))
    file.seek(0)
    for magic, module in _MODULES.items():
        if begin.startswith(magic):
            try:
                stream = importlib.import_module(module).open(file, "rb")
            except ImportError as error:
                raise tarfile.CompressionError(f"{module} module is not available") from error
            return io.BufferedReader(stream, _BLOCK_BYTES)
    return file


@contextlib.contextmanager
def read_ahead(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a file that reads the content of `file`, which a thread reads a few blocks ahead.

    If `file` decompresses its content, this takes place while the caller uses the previous blocks.
    The yielded file can seek forward only. Reading it raises the errors of reading `file`.
    """
    blocks = _Blocks(file)
    with blocks:
        yield io.BufferedReader(blocks, _BLOCK_BYTES)


class _Blocks(io.RawIOBase):
    """The blocks of a file that a thread reads. The last one is empty, or an error."""

    def __init__(self, file: BinaryIO) -> None:
        self._blocks: queue.Queue[bytes | BaseException] = queue.Queue(_BLOCKS_AHEAD)
        self._rest = memoryview(b"")
        self._position = 0
        self._ended = False
        self._thread = threading.Thread(target=self._read_all, args=(file,), daemon=True)
        self._thread.start()

    def _read_all(self, file: BinaryIO) -> None:
        try:
            while not self.closed and (block := file.read(_BLOCK_BYTES)):
                self._blocks.put(block)
            self._blocks.put(b"")
        except BaseException as error:  # noqa: BLE001 - the reader of the blocks raises it
            self._blocks.put(error)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise io.UnsupportedOperation("only seeking forward is possible")
        while self._position < offset and self._fill():
            self._skip(min(len(self._rest), offset - self._position))
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer)
        size = min(len(target), self._fill())
        target[:size] = self._rest[:size]
        self._skip(size)
        return size

    def _fill(self) -> int:
        """Make sure that `_rest` has bytes, and return their number; 0 at the end of the file."""
        if not self._rest and not self._ended:
            block = self._blocks.get()
            if isinstance(block, BaseException):
                self._ended = True
                raise block
            self._rest = memoryview(block)
            self._ended = not block
        return len(self._rest)

    def _skip(self, size: int) -> None:
        self._rest = self._rest[size:]
        self._position += size

    def close(self) -> None:
        super().close()
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):  # the thread may wait for a free place
                self._blocks.get(timeout=0.01)
