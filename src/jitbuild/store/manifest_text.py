"""The text of a manifest: UTF-8 in the file, and paths as this locale decodes them."""

from __future__ import annotations

import errno
import os
import sys


def decoded(content: bytes) -> str:
    """Return the text of a manifest, in which paths are as this locale decodes them.

    The file is UTF-8. In another locale, Python decodes the bytes of a path differently, and only a
    path that was decoded in the same way leads to the file. Raises ValueError if `content` is not
    UTF-8.
    """
    text = content.decode("utf-8")
    return text if sys.getfilesystemencoding() == "utf-8" else os.fsdecode(content)


def encoded(text: str) -> bytes:
    """Return the content of a manifest, in which paths have the bytes that they have on the disk.

    Raises OSError if these bytes are not UTF-8.
    """
    try:
        content = os.fsencode(text)
        content.decode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ)) from error
    return content
