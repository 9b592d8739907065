"""Recognize the places of sources in requests: git+PLACE@REF, paths and URLs."""

from __future__ import annotations

import re
from typing import NamedTuple

from jitbuild.errors import RequestError
from jitbuild.safe_text import HIDDEN
from jitbuild.system.urls import Address, scheme_of

# There may be two @, as in git+ssh://git@host/a/b@feature/x: one between user and host, and one
# between path and reference.
_REQUEST = r"git\+((?:[\w+.-]+://[^/]*/|[^/:]*:(?!/)|)[^@]*)(?:@(.+))?"
# user:password@host:path, which git does not understand
_SCP_FORM = r"[^/:@]*:[^/@]*@[^/:]+:.*"
ARCHIVE_SUFFIXES = (".tar.xz", ".tgz", ".tar.gz", ".tar.bz2", ".tar", ".zip")


class RepositoryReference(NamedTuple):
    """A reference ("" for none) in the repository at `place`.

    `place` is a path, or a URL without credentials, whose real form is `address`.
    """

    place: str
    ref: str
    address: Address | None = None

    @property
    def text(self) -> str:
        """The request, without credentials."""
        return f"git+{self.place}@{self.ref}" if self.ref else f"git+{self.place}"


def repository(text: str) -> RepositoryReference | None:
    """Return what the request `text` names; None if it has another form.

    Raises RequestError for a URL in which it is not evident what the password is.
    """
    match = re.fullmatch(_REQUEST, text)
    if match is None:
        return None
    place, ref = match[1], match[2] or ""
    if "?" in place and "@" in ref:  # the first @ belongs to the query
        rest, _, ref = ref.rpartition("@")
        place = f"{place}@{rest}"
    if one_slash := re.match(r"(\w[\w+.-]+):/(?!/)", place):
        raise RequestError(
            f"git+{one_slash[1]}:/{HIDDEN} is not the URL of a repository.",
            remedy=f"Write two slashes: git+{one_slash[1]}://HOST/PATH@REF.",
        )
    if "://" in place or re.fullmatch(_SCP_FORM, f"{place}@{ref}"):
        address = Address(place)
        return RepositoryReference(_public(address), ref, address)
    return RepositoryReference(place, ref)


def is_path(text: str) -> bool:
    """Return True if `text` has the form of a path or a URL."""
    return (
        "/" in text
        or "\\" in text
        or text.startswith(".")
        or re.match(r"~(?!\s*[0-9])", text) is not None
        or text.lower().endswith(ARCHIVE_SUFFIXES)
    )


def _public(address: Address) -> str:
    public = address.public
    if HIDDEN in public or not re.fullmatch(r"[^/]+://[^/]*/.*", public):
        raise RequestError(
            f"git+{scheme_of(address.reveal())}://{HIDDEN} is not the URL of a repository.",
            remedy="Write git+https://HOST/PATH@REF, with user and password before HOST. In them,"
            " write /, ?, # and @ as %2F, %3F, %23 and %40. Or let a credential helper of git"
            " provide the password.",
        )
    return public
