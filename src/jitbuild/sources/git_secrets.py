"""Pass the secrets of a URL to git through its environment, which other users cannot read.

Every user of the machine can list the arguments of programs. git passes the URL of a repository to
the programs that it starts as an argument, so the URL must not contain a secret either.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from jitbuild.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.system.urls import Address

_WEB = ("http://", "https://")
# A credential helper (gitcredentials(7)): a command of the shell, to which git adds the operation.
# printf is a part of the shell, so its arguments are not those of a process.
_HELPER = (
    '!f() { test "$1" != get || printf "username=%s\\npassword=%s\\n" '
    '"$JITBUILD_GIT_USER" "$JITBUILD_GIT_PASSWORD"; }; f'
)
_PLACEHOLDER = "jitbuild"  # a user that the credential helper replaces


def environment(url: Address, environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables by which git uses the secrets of `url` if it is given the public URL.

    For http and https, the user and the password are given to git by a credential helper. git has
    no such way for a query, nor for the password of an ssh URL: a replacement of the public URL
    (`insteadOf`) contains them.

    The variables hold configuration (git-config(1), GIT_CONFIG_COUNT); that of `environ` is kept.
    Raises SourceError if git could not use the user or the password.
    """
    if url.reveal() == url.public:
        return {}
    is_web = url.public.lower().startswith(_WEB)
    login, real = _split(url) if is_web else (None, url.reveal())
    # If `real` is the public URL, the replacement still has an effect: one of the user's own that
    # is shorter, which could send the request to another server, does not apply.
    settings = [(f"url.{real}.insteadOf", url.public)]
    variables = {}
    if login:
        settings += _settings(login, url)
        variables = {"JITBUILD_GIT_USER": login.user, "JITBUILD_GIT_PASSWORD": login.password or ""}
    return {**variables, **_configuration(settings, environ)}


class _Login(NamedTuple):
    user: str
    password: str | None


def _split(url: Address) -> tuple[_Login | None, str]:
    """Return the user and the password of `url`, and the URL without them.

    If there is a password, the URL has a placeholder in place of the user. Because of a user, git
    asks the credential helper before it sends the first request. Otherwise, curl would first try
    the entry of ~/.netrc for this host.
    """
    scheme, separator, rest = url.reveal().partition("://")
    server, slash, path = rest.partition("/")
    userinfo, at, host = server.rpartition("@")
    if not at:
        return None, url.reveal()
    user, colon, password = userinfo.partition(":")
    shown = f"{_PLACEHOLDER}@" if colon else ""
    real = f"{scheme}{separator}{shown}{host}{slash}{path}"
    return _Login(_decoded(user, url), _decoded(password, url) if colon else None), real


def _decoded(text: str, url: Address) -> str:
    plain = os.fsdecode(unquote_to_bytes(os.fsencode(text)))
    if {*plain} & {"\0", "\n", "\r"}:
        raise SourceError(
            f"The user or the password of {url} contains a line break or a zero byte, which git"
            " does not accept.",
            remedy="Correct the URL, or omit both and set up a credential helper of git.",
        )
    return plain


def _settings(login: _Login, url: Address) -> list[tuple[str, str]]:
    """Return the settings by which git uses `login` for the server of `url`, and for no other."""
    scope = "credential." + "/".join(url.public.split("/")[:3])
    if login.password is None:  # the user's own helpers may know it
        return [(f"{scope}.username", login.user)]
    # An empty value removes the user's own helpers for this server: they could state another
    # password, or store this one.
    return [(f"{scope}.helper", ""), (f"{scope}.helper", _HELPER)]


def _configuration(settings: list[tuple[str, str]], environ: Mapping[str, str]) -> dict[str, str]:
    count = environ.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isascii() and count.isdecimal() else 0
    variables = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (key, value) in enumerate(settings, start=first):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
