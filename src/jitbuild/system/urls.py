"""Remove secrets from URLs that are printed, and convert file URLs to paths."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes, urlsplit

from jitbuild.errors import DownloadError


def redacted(url: str) -> str:
    """Return `url` for printing, without its user name, password and query, which may be secret."""
    address, mark, _ = re.sub(r"(?<=//)[^/]*@", "***@", url).partition("?")
    return f"{address}?***" if mark else address


def scheme_of(url: str) -> str:
    """Return the scheme of `url` in lower case, or "" if there is none."""
    try:
        return urlsplit(url).scheme
    except ValueError:  # such as an open bracket in the host
        return ""


def path_of_file_url(url: str, *, windows: bool = os.name == "nt") -> str:
    """Return the path that a file URL names (RFC 8089).

    The path is written in the notation of Windows if `windows` is True, else in that of POSIX. On
    Windows, the URL may contain a drive letter (`file:///C:/a%20b`, or the common mistake
    `file://C:/a`) or a network share (`file://server/share/a`). On POSIX, raises DownloadError if
    the URL names a file on another host.
    """
    parts = urlsplit(url)
    path, host = os.fsdecode(unquote_to_bytes(parts.path)), parts.netloc
    if windows:
        if re.fullmatch("[A-Za-z]:", host):
            path, host = f"/{host}{path}", ""
        if host in {"", "localhost"}:
            return re.sub(r"^/+(?=[A-Za-z]:)", "", path).replace("/", "\\")
        return f"//{host}{path}".replace("/", "\\")
    if host not in {"", "localhost"}:
        raise DownloadError(
            f"{redacted(url)} names a file on another machine.",
            remedy="Write file:// before an absolute path, or use an http URL of the file.",
        )
    return path
