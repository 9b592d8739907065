"""A registry that is a function: an HTTP transport for unit tests, with one token service."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field

import httpx

from jitbuild.system.http.client import NetworkEffects

HOST = "registry.test"
TOKENS = "https://tokens.test/token"
USER, PASSWORD = "octo", "s3cret-word"
BASIC = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"


@dataclass
class FakeRegistry:
    """Keeps blobs and documents in memory, and asks for credentials as `auth` says.

    `auth` is "" (none), "basic" or "bearer". The first `failures` answers to paths that match the
    pattern `failing` are those of `failure`. `blobs_at` is a host to which requests for blobs are
    redirected, and `upload_at` one to which they are uploaded. The request with the number
    `ends_at` ends the client. `overwrites` are documents that another client writes right after
    the first document with the same tag. With `lists_referrers`, the documents about another one
    are listed, in pages of `page` documents.
    """

    auth: str = ""
    failing: str = "^$"
    failures: int = 0
    failure: httpx.Response | Exception = field(default_factory=lambda: httpx.Response(503))
    blobs_at: str = ""
    upload_at: str = HOST
    ends_at: int | None = None
    lists_referrers: bool = False
    page: int = 1000
    overwrites: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    responses: list[httpx.Response] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    @property
    def effects(self) -> NetworkEffects:
        return NetworkEffects(
            transport=httpx.MockTransport(self),
            sleep=self.slept.append,
            jitter=lambda: 1.0,
            clock=lambda: 1_000_000.0,
        )

    def sent(self, method: str) -> list[str]:
        """Return the paths of all requests with `method`."""
        return [each.url.path for each in self.requests if each.method == method]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if self.ends_at == len(self.requests):
            raise KeyboardInterrupt
        self.requests.append(request)
        answer = self._respond(request)
        # As from a real server, the body is not read yet.
        body = httpx.ByteStream(answer.content)
        sent = httpx.Response(answer.status_code, headers=answer.headers, stream=body)
        self.responses.append(sent)
        return sent

    def _respond(self, request: httpx.Request) -> httpx.Response:
        if self.failures and re.search(self.failing, request.url.path):
            self.failures -= 1
            if isinstance(self.failure, Exception):
                raise self.failure
            return self.failure
        if request.url.host == "tokens.test":
            return self._token(request)
        if request.url.host == HOST and not self._allowed(request):
            return self._challenge(request)
        return self._answer(request)

    def _allowed(self, request: httpx.Request) -> bool:
        given = request.headers.get("Authorization", "")
        scope = "push" if request.method in {"POST", "PUT"} else "pull"
        allowed = {"": "", "basic": BASIC, "bearer": f"Bearer token-{scope}"}
        return not self.auth or given in {allowed[self.auth], "Bearer token-push"}

    def _challenge(self, request: httpx.Request) -> httpx.Response:
        scope = "push" if request.method in {"POST", "PUT"} else "pull"
        texts = {
            "basic": 'Basic realm="the registry"',
            "bearer": f'Bearer realm="{TOKENS}",service="{HOST}",scope="repository:a/b:{scope}"',
        }
        return httpx.Response(401, headers={"WWW-Authenticate": texts[self.auth]})

    def _token(self, request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params) or dict(
            part.split("=") for part in request.content.decode().split("&")
        )
        known = request.headers.get("Authorization") == BASIC or "refresh_token" in query
        if not known:
            return httpx.Response(401)
        scope = query["scope"].rpartition("%3A")[2].rpartition(":")[2]
        return httpx.Response(200, json={"token": f"token-{scope}"})

    def _answer(self, request: httpx.Request) -> httpx.Response:
        _, kind, reference = request.url.path.removeprefix("/v2/a/b").split("/", 2)
        if kind == "manifests":
            return self._document(request, reference)
        if kind == "referrers":
            return self._referrers(request, reference)
        if request.method == "POST":
            return httpx.Response(
                202, headers={"Location": f"https://{self.upload_at}/v2/a/b/blobs/uploads/1?s=x"}
            )
        if request.method == "PUT":
            return self._put_blob(request)
        if reference not in self.blobs:
            return error(404, "BLOB_UNKNOWN")
        if self.blobs_at and request.url.host != self.blobs_at:
            place = f"https://{self.blobs_at}{request.url.path}"
            return httpx.Response(307, headers={"Location": place})
        return httpx.Response(200, content=self.blobs[reference])

    def _document(self, request: httpx.Request, reference: str) -> httpx.Response:
        if request.method == "PUT":
            digest = f"sha256:{hashlib.sha256(request.content).hexdigest()}"
            for name in {reference, digest}:
                self.documents[name] = (request.headers["Content-Type"], request.content)
            if reference in self.overwrites:
                self.documents[reference] = self.overwrites.pop(reference)
            return httpx.Response(201)
        if reference not in self.documents:
            return error(404, "MANIFEST_UNKNOWN")
        kind, content = self.documents[reference]
        return httpx.Response(200, headers={"Content-Type": kind}, content=content)

    def _referrers(self, request: httpx.Request, digest: str) -> httpx.Response:
        if not self.lists_referrers:
            return error(404, "NOT_FOUND")
        found = [
            {
                "mediaType": kind,
                "digest": name,
                "size": len(content),
                "artifactType": json.loads(content)["artifactType"],
                "annotations": json.loads(content)["annotations"],
            }
            for name, (kind, content) in sorted(self.documents.items())
            if name.startswith("sha256:")
            and json.loads(content).get("subject", {}).get("digest") == digest
        ]
        start = int(request.url.params.get("start", 0))
        headers = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
        if start + self.page < len(found):
            place = f"/v2/a/b/referrers/{digest}?start={start + self.page}"
            headers["Link"] = f'<{place}>; rel="next"'
        index = {"schemaVersion": 2, "manifests": found[start : start + self.page]}
        return httpx.Response(200, headers=headers, json=index)

    def _put_blob(self, request: httpx.Request) -> httpx.Response:
        digest = request.url.params["digest"]
        if digest != f"sha256:{hashlib.sha256(request.content).hexdigest()}":
            return error(400, "DIGEST_INVALID")
        self.blobs[digest] = request.content
        return httpx.Response(201)


def error(status: int, code: str) -> httpx.Response:
    body = {"errors": [{"code": code, "message": "as the\nspecification \x1b[31msays"}]}
    return httpx.Response(status, content=json.dumps(body))
