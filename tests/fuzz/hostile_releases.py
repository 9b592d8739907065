"""Answers of python.org's release API with anything in them, from the request to the recipe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import hostile_text

from jitbuild.pins.pin_source import PinSource
from jitbuild.pins.recipe_writer import write_pins
from jitbuild.pins.release_api import API, ReleaseAPI
from jitbuild.pins.update import find_updates
from jitbuild.recipes.catalog import Catalog, load_catalog
from jitbuild.recipes.reader import read_series

if TYPE_CHECKING:
    from fuzzing import Case, Ending

    from jitbuild.system.urls import Address

_VERSION = "3.15.98"
_SHA = "ab" * 32
_FILE = f"https://www.python.org/ftp/python/{_VERSION}/Python-{_VERSION}.tar.xz"
_RELEASE = {
    "name": f"Python {_VERSION}",
    "is_published": True,
    "resource_uri": f"{API}/release/1/",
    "pre_release": False,
}
_LISTED = {
    "url": _FILE,
    "is_source": True,
    "sha256_sum": _SHA,
    "filesize": 35000000,
    "sigstore_bundle_file": f"{_FILE}.sigstore",
    "sbom_spdx2_file": f"{_FILE}.spdx.json",
}
_CHECKSUM = {"algorithm": "SHA256", "checksumValue": _SHA}
_SPDX = {"packages": [{"SPDXID": "SPDXRef-PACKAGE-cpython", "checksums": [_CHECKSUM]}]}


def release(case: Case) -> Ending:
    """A hostile list of releases, list of files, or SPDX document."""
    answers: dict[str, Any] = {"/release/": [_RELEASE], "/release_file/": [_LISTED], "spdx": _SPDX}
    name = case.rng.choice(list(answers))
    changed = hostile_text.changed(case.rng, answers[name])
    texts = {
        key: json.dumps(changed if key == name else answer).encode("utf-8", "surrogatepass")
        for key, answer in answers.items()
    }
    if case.rng.random() < 0.3:
        texts[name] = hostile_text.damaged(case.rng, texts[name])

    def get(address: Address, **_: Any) -> bytes:
        return next((text for key, text in texts.items() if key in address.reveal()), b"{}")

    source = PinSource(api=ReleaseAPI(get=get), get=get, signature=None)
    return case.call(lambda: _update(source, load_catalog(), case), repr(texts[name]))


def _update(source: PinSource, catalog: Catalog, case: Case) -> None:
    findings = find_updates(source, catalog)
    for path in write_pins(findings, catalog.tags(), case.folder / "recipes", source.api.host):
        assert path.parent == case.folder / "recipes"
        read_series(path)
        path.unlink()
