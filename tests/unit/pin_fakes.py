"""python.org's release API as a dict of answers, and the files of releases beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from packaging.version import Version

from jitbuild.errors import MissingError, SignatureError
from jitbuild.pins.pin_source import PinSource
from jitbuild.pins.release_api import API, ReleaseAPI
from jitbuild.system.urls import Address

BASE = API.reveal()
SHA = "ab" * 32
OTHER = "cd" * 32


def folder_of(version: str) -> str:
    """Return the folder of a release on python.org."""
    return f"https://www.python.org/ftp/python/{Version(version).base_version}"


def release(version: str, number: int, **keys: Any) -> dict[str, Any]:
    """Return an entry of the list of releases, with the keys of the real one."""
    return {
        "name": f"Python {version}",
        "slug": f"python-{version.replace('.', '')}",
        "version": 3,
        "is_published": True,
        "is_latest": False,
        "release_date": "2026-11-26T12:00:00Z",
        "pre_release": False,
        "release_page": None,
        "release_notes_url": "",
        "show_on_download_page": True,
        "resource_uri": f"{BASE}/release/{number}/",
        **keys,
    }


def source_file(version: str, **keys: Any) -> dict[str, Any]:
    """Return an entry of the list of a release's files, with the keys of the real one."""
    url = f"{folder_of(version)}/Python-{version}.tar.xz"
    return {
        "name": "XZ compressed source tarball",
        "slug": "xz",
        "os": f"{BASE}/os/3/",
        "release": f"{BASE}/release/1/",
        "description": "",
        "is_source": True,
        "url": url,
        "gpg_signature_file": "",
        "md5_sum": "0" * 32,
        "filesize": 35000000,
        "download_button": False,
        "resource_uri": f"{BASE}/release_file/1/",
        "sigstore_signature_file": "",
        "sigstore_cert_file": "",
        "sigstore_bundle_file": f"{url}.sigstore",
        "sha256_sum": SHA,
        "sbom_spdx2_file": f"{url}.spdx.json",
        **keys,
    }


def spdx(sha256: str = SHA) -> dict[str, Any]:
    """Return the part of a release's SPDX document that is read, and a little more."""
    return {
        "SPDXID": "SPDXRef-DOCUMENT",
        "packages": [
            {
                "SPDXID": "SPDXRef-PACKAGE-mpdecimal",
                "checksums": [{"algorithm": "SHA256", "checksumValue": OTHER}],
            },
            {
                "SPDXID": "SPDXRef-PACKAGE-cpython",
                "checksums": [{"algorithm": "SHA256", "checksumValue": sha256}],
            },
        ],
    }


@dataclass
class FakePythonOrg:
    """Answers requests for the addresses in `answers`, and records them."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    signed: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, version: str, number: int, **keys: Any) -> None:
        """Add a release with one source file and its SPDX document."""
        file = source_file(version, **keys)
        listing = self.answers.setdefault(f"{BASE}/release/?is_published=true", [])
        listing.append(release(version, number))
        self.answers[f"{BASE}/release_file/?release={number}"] = [file]
        self.answers[file["sbom_spdx2_file"]] = spdx(file["sha256_sum"])
        self.answers[file["sigstore_bundle_file"]] = {"signed": file["sha256_sum"]}

    def get(self, address: Address, *, check: Any = None) -> bytes:
        url = address.reveal()
        self.asked.append(url)
        if url not in self.answers:
            raise MissingError(f"{url} was not found (HTTP 404).", remedy="Check it.")
        answer = self.answers[url]
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def signature(self, name: str, sha256: str, bundle: bytes, signer: Any) -> None:
        """Accept a bundle that names the sha256."""
        self.signed.append((name, sha256, signer.identity, signer.issuer))
        if json.loads(bundle).get("signed") != sha256:
            raise SignatureError(f"{name} is not the file that was signed.", remedy="Beware.")

    def source(self, *, signed: bool = False) -> PinSource:
        check = self.signature if signed else None
        return PinSource(api=ReleaseAPI(get=self.get), get=self.get, signature=check)
