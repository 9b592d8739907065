"""Addresses, whose secrets are hidden wherever they are shown, and the paths of file URLs.

`jitbuild which` imports this module, so urllib.parse is imported inside functions, and regular
expressions are text, which `re` compiles when it is first used.
"""

from __future__ import annotations

import os
import re

from jitbuild.errors import DownloadError
from jitbuild.safe_text import HIDDEN, hide_secrets

# The user and the password of a URL. If a person typed them, they may contain spaces.
_USER = r"(?<=://)(?P<user>[^/:@]*)[^/]*@"
# The same without a scheme, as in `user:password@host` and `//user:password@host`.
_BARE_USER = r"^(//|)[^/\\:]*:[^/\\]*@"
_QUERY = r"([?#])[^|\s]+"
_ATTRIBUTE = r"(?:(?<=[|\s])|(?<=\s@))([\w.-]+)=[^|\s]*"
_SHORTEST_SECRET = 4
# Values of ccache's attributes that are words of ordinary text, too.
_NO_SECRETS = frozenset({"true", "false", "flat", "bazel", "subdirs"})


class Address:
    """A URL, or another text that names a server. It may contain secrets, and never shows them.

    `str` and `repr` show the address with `***` in place of the user, the password, the whole query
    and the fragment, and the values of attributes (`|name=value`, as in ccache's remote storage).
    Only `reveal` returns the real text. Call it where the request is made, and nowhere else.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Address) -> None:
        self._text: str = text.reveal() if isinstance(text, Address) else text

    def reveal(self) -> str:
        """Return the real text, with all secrets."""
        return self._text

    @property
    def public(self) -> str:
        """The address without its secrets: the text to record, and to compare with a record.

        It has no user (except for ssh), password, query or fragment, so it is the same whether the
        address was written with or without credentials.
        """
        if "://" not in self._text:
            return str(self)
        text = re.sub(_USER, self._public_user, self._text)
        return hide_secrets(re.split(r"[?#|]|\s@", text, maxsplit=1)[0])

    def _public_user(self, match: re.Match[str]) -> str:
        # The user of ssh is a part of the address: ssh://git@host/~/path.
        is_ssh = scheme_of(self._text).endswith("ssh")
        return f"{match['user']}@" if is_ssh and match["user"] else ""

    @property
    def file_name(self) -> str:
        """The last part of the path, as it is written in the address."""
        return re.split(r"[?#]", self._text, maxsplit=1)[0].rpartition("/")[2]

    def hide_in(self, text: str) -> str:
        """Return `text`, such as the output of a tool, without this address and its secrets."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return hide_secrets(text.replace(self._text, str(self)))

    def _secrets(self) -> set[str]:
        from urllib.parse import unquote

        user = re.search(_USER, self._text) or re.search(_BARE_USER, self._text)
        query = self._text.partition("?")[2]
        parts = {query, *re.findall(r"=([^&#|\s]+)", self._text)}
        if user:
            parts |= {user[0].rstrip("@"), user[0].rstrip("@").partition(":")[2]}
        return {
            form
            for part in parts
            for form in (part, unquote(part))
            if len(form) >= _SHORTEST_SECRET and form not in _NO_SECRETS
        }

    def __str__(self) -> str:
        text = re.sub(_USER, self._shown_user, self._text)
        if "://" not in text:
            return re.sub(_BARE_USER, rf"\1{HIDDEN}@", text)
        return hide_secrets(
            re.sub(_ATTRIBUTE, rf"\1={HIDDEN}", re.sub(_QUERY, rf"\1{HIDDEN}", text))
        )

    def _shown_user(self, match: re.Match[str]) -> str:
        user = self._public_user(match)
        if match[0] == user:  # without a password
            return user
        return f"{user[:-1]}:{HIDDEN}@" if user else f"{HIDDEN}@"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._text == other.reveal()

    def __hash__(self) -> int:
        return hash(self._text)


def scheme_of(url: str) -> str:
    """Return the scheme of `url` in lower case, or "" if there is none or the URL is invalid."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).scheme
    except ValueError:  # such as an open bracket in the host
        return ""


def resolved_url(base: str, reference: str) -> str:
    """Return the URL `reference`, which may be relative to the URL `base`; "" if it is invalid."""
    from urllib.parse import urljoin

    try:
        return urljoin(base, reference)
    except ValueError:  # such as an open bracket in the host
        return ""


def path_of_file_url(url: str, *, windows: bool = os.name == "nt") -> str:
    """Return the path that a file URL names (RFC 8089).

    The path is written in the notation of Windows if `windows` is True, else in that of POSIX. On
    Windows, the URL may contain a drive letter (`file:///C:/a%20b`, or the common mistake
    `file://C:/a`) or a network share (`file://server/share/a`). Raises DownloadError if the URL is
    invalid, and on POSIX if it names a file on another host.
    """
    from urllib.parse import unquote_to_bytes, urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:  # such as an open bracket in the host
        raise DownloadError(
            f"{Address(url)} is not a valid URL.",
            remedy="Write file:// before an absolute path.",
        ) from None
    path, host = os.fsdecode(unquote_to_bytes(parts.path)), parts.netloc
    if windows:
        if re.fullmatch("[A-Za-z]:", host):
            path, host = f"/{host}{path}", ""
        if host in {"", "localhost"}:
            return re.sub(r"^/+(?=[A-Za-z]:)", "", path).replace("/", "\\")
        return f"//{host}{path}".replace("/", "\\")
    if host not in {"", "localhost"}:
        raise DownloadError(
            f"{Address(url)} names a file on another machine.",
            remedy="Write file:// before an absolute path, or use an http URL of the file.",
        )
    return path
