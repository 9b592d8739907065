"""Prove to a registry who we are: basic authentication, or a token from its token service.

Sources: RFC 9110 11 (challenges), RFC 6750 3 (Bearer), and the token authentication of the
distribution project (docs/content/spec/auth/token.md and oauth.md).
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from jitbuild.errors import RegistryError
from jitbuild.registry.credentials import LOG_IN, Credentials
from jitbuild.system.http.small_request import SmallRequest, send_request
from jitbuild.system.http.transfer_errors import RetryError
from jitbuild.system.parsing import parse_json
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jitbuild.system.http.client import (
        HTTPClient,
        NetworkEffects,
        Request,
        RequestContent,
        Response,
    )

_PARAMETER = re.compile(r'([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_CLIENT_ID = "jitbuild"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for: its scheme in lower case, and the parameters of the challenge."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenge(header: str) -> Challenge:
    """Return the challenge in a header WWW-Authenticate; one with the scheme "" if there is none.

    If the header has several challenges, the first one that jitbuild can answer is returned.
    """
    schemes = list(re.finditer(r"(?i)\b(bearer|basic)\b(?=\s|$)", header))
    if not schemes:
        return Challenge("", {})
    end = schemes[1].start() if len(schemes) > 1 else len(header)
    text = header[schemes[0].end() : end]
    parameters = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain
        for name, quoted, plain in _PARAMETER.findall(text)
    }
    return Challenge(schemes[0][1].lower(), parameters)


@dataclass(kw_only=True, slots=True)
class AuthenticatedClient:
    """Sends requests with `client`; those to the server of `registry` with our credentials.

    `registry` is a URL. No other server receives the credentials, whatever a redirect says, except
    for the token service that the registry names. `find` returns the credentials; it is called when
    the registry first asks for them. If `answers` is False, challenges are not answered.
    """

    client: HTTPClient
    registry: str
    find: Callable[[], Credentials]
    effects: NetworkEffects
    answers: bool = True
    _header: str = field(default="", init=False)
    _credentials: Credentials | None = field(default=None, init=False)

    def build_request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: RequestContent | None = None,
    ) -> Request:
        """Return a request, which `send` sends."""
        return self.client.build_request(method, url, headers=headers, content=content)

    def send(self, request: Request, *, stream: bool = False) -> Response:
        """Send `request`; if the registry asks for credentials, answer it and send again.

        The body of `request` must not be an iterator, which could be sent only once. Raises
        RegistryError if the token service refuses, or if its answer is not a token.
        """
        if _server(str(request.url)) != _server(self.registry):
            return self.client.send(request, stream=stream)
        self._authorize(request)
        response = self.client.send(request, stream=stream)
        challenge = parse_challenge(response.headers.get("WWW-Authenticate", ""))
        if response.status_code != 401 or not challenge.scheme or not self.answers:
            return response
        try:
            header = self._answer(challenge)
        except BaseException:
            response.close()
            raise
        if not header or header == self._header:  # the same answer would be refused again
            return response
        response.close()
        self._header = header
        self._authorize(request)
        return self.client.send(request, stream=stream)

    @property
    def once(self) -> AuthenticatedClient:
        """A client that answers no challenge, so that it may send bodies that are iterators."""
        client = copy.copy(self)
        client.answers = False
        return client

    def close(self) -> None:
        """Close all connections."""
        self.client.close()

    def _authorize(self, request: Request) -> None:
        """Add the answer to the last challenge, if any, to a `request` to the registry."""
        if self._header:
            request.headers["Authorization"] = self._header

    def _answer(self, challenge: Challenge) -> str:
        """Return the header Authorization that answers `challenge`; "" if there is no answer."""
        if self._credentials is None:
            self._credentials = self.find()
        if challenge.scheme == "basic":
            return self._credentials.basic
        return f"Bearer {self._token(challenge, self._credentials)}"

    def _token(self, challenge: Challenge, credentials: Credentials) -> str:
        realm = challenge.parameters.get("realm", "")
        address = Address(realm)
        self._check_realm(address)
        wanted = {
            name: challenge.parameters[name]
            for name in ("service", "scope")
            if challenge.parameters.get(name)
        }
        if credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "client_id": _CLIENT_ID,
                "refresh_token": credentials.identity_token,
                **wanted,
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            content = urlencode(form).encode()
            return self._request_token(
                SmallRequest(method="POST", address=address, headers=headers, content=content)
            )
        headers = {"Authorization": credentials.basic} if credentials.user else {}
        mark = "&" if urlsplit(realm).query else "?"
        query = Address(f"{realm}{mark}{urlencode(wanted)}" if wanted else realm)
        return self._request_token(SmallRequest(address=query, headers=headers))

    def _check_realm(self, address: Address) -> None:
        schemes = {"https"} if self.registry.startswith("https:") else {"https", "http"}
        try:
            parts = urlsplit(address.reveal())
            usable = parts.scheme in schemes and parts.hostname and "@" not in parts.netloc
        except ValueError:  # such as an open bracket in the host
            usable = False
        if not usable:
            raise RegistryError(
                f"The registry's token service cannot be used: {address}.",
                remedy="A token service must have an https URL without a user.",
            )

    def _request_token(self, request: SmallRequest) -> str:
        try:
            answer = send_request(request, client=self.client, effects=self.effects)
        except RetryError as error:
            error.reason = f"its token service {request.shown}: {error.reason}"
            raise
        if answer.status != 200:
            raise RegistryError(
                f"The token service {request.shown} refused the credentials (HTTP"
                f" {answer.status}).",
                remedy=LOG_IN,
            )
        try:
            content = parse_json(answer.body)
            token = content.get("token") or content.get("access_token")
        except (ValueError, AttributeError):
            token = None
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise RegistryError(
                f"The answer of the token service {request.shown} contains no token.",
                remedy="Check the name of the registry.",
            )
        return token


def _server(url: str) -> tuple[str, str]:
    """Return the scheme of `url`, and its host with the port, unless that is the scheme's own.

    The port is not parsed: a redirect may lead to one that is no number, or too large.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return parts.scheme, host.removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))
