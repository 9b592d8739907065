"""Pins from python.org: the API's answers, their verification, and what is written."""

from __future__ import annotations

import shutil

import msgspec
import pytest
from pin_fakes import BASE, OTHER, SHA, FakePythonOrg, release, source_file, spdx

from jitbuild.errors import DownloadError, IntegrityError, RecipeError, RequestError, SignatureError
from jitbuild.pins.answers import CachedAnswers
from jitbuild.pins.pin_source import PinFinding
from jitbuild.pins.recipe_writer import write_pins
from jitbuild.pins.release_api import ReleaseAPI
from jitbuild.pins.update import check_pins, find_updates
from jitbuild.recipes.catalog import load_catalog, shipped_folder
from jitbuild.system.http.documents import Document
from jitbuild.system.urls import Address

RELEASES = f"{BASE}/release/?is_published=true"
FILES = f"{BASE}/release_file/?release=1"


@pytest.fixture
def shipped(tmp_path):
    """Return the recipes of a series with one sure, one unsure and one missing pin."""
    folder = tmp_path / "shipped"
    shutil.copytree(shipped_folder(), folder, ignore=shutil.ignore_patterns("cpython-*"))
    for name, text in {
        "cpython-3.15.toml": 'series = "3.15"\n\n[release-manager]\nidentity = "hugo@python.org"\n'
        'issuer = "https://github.com/login/oauth"\n'
        f'\n[[tag]]\nversion = "3.15.0"\ntar-xz = "{OTHER}"\nstated-by = ["pyenv", "debian"]\n'
        f'\n[[tag]]\nversion = "3.15.2"\ntar-xz = "{SHA}"\ntgz = "{OTHER}"\n'
        'stated-by = ["debian"]\n\n[[unpinned]]\nversion = "3.15.1"\nreason = "Nobody."\n',
        "cpython-main.toml": 'series = "main"\n',
    }.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def catalog(shipped):
    return load_catalog(shipped=shipped)


def api(**answers) -> ReleaseAPI:
    fake = FakePythonOrg(answers={RELEASES: answers.get("releases"), FILES: answers.get("files")})
    return ReleaseAPI(get=fake.get)


def test_releases_are_the_published_versions_of_python_3():
    names = [
        release("3.16.0a1", 7),
        release("2.7.18", 8),
        release("3.15.9", 9, is_published=False),
        release("x", 10, name="Python install manager 25.0 beta 1"),
    ]
    assert api(releases=names).releases() == {"3.16.0a1": 7}


UNUSABLE = {
    "not JSON": (b"<html>", "it is not JSON"),
    "truncated": (b'[{"name": "Python 3.15.3", ', "it is not JSON"),
    "nested": (b"[" * 100_000, "nested too deeply"),
    "an object": ({"detail": "throttled"}, "Expected `array`"),
    "a number as a name": ([release("3.15.3", 1, name=3)], "Expected `str`, got `int`"),
    "without a name": ([{"is_published": True}], "missing required field `name`"),
    "a lone surrogate": (b'[{"\\udcff": 1}]', "surrogates not allowed"),
    "a path": ([release("../../x", 1)], "names a release 'Python ../../x'"),
    "an absolute path": ([release("3.15.3", 1, name="/etc/passwd")], "names a release"),
    "controls": ([release("3.15.3\x1b[2J", 1)], r"names a release 'Python 3.15.3\\x1b\[2J'"),
    "a newline": ([release("3.15.3\n", 1)], "names a release"),
    "no id": ([release("3.15.3", 1, resource_uri="/x/../../")], "has no valid id"),
    "twice": ([release("3.15.3", 1), release("3.15.3", 2)], "has two entries"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_list_of_releases_that_cannot_be_used_is_refused(name):
    answer, text = UNUSABLE[name]
    with pytest.raises(DownloadError, match=rf"(?s){text}.*Nothing was written"):
        api(releases=answer).releases()


def test_digits_of_other_scripts_are_no_version():
    with pytest.raises(DownloadError, match="names a release"):
        api(releases=[release("3.15.٣", 1)]).releases()


def test_the_archive_of_a_release_is_its_xz_file():
    files = [source_file("3.15.3"), source_file("3.15.3", url="https://www.python.org/x.tgz")]
    archive = api(files=files).archive("3.15.3", 1)
    url = "https://www.python.org/ftp/python/3.15.3/Python-3.15.3.tar.xz"
    assert (archive.sha256, archive.size) == (SHA, 35000000)
    assert archive.bundle == Address(f"{url}.sigstore")
    assert archive.spdx == Address(f"{url}.spdx.json")


def test_a_release_may_have_no_archive_yet():
    assert api(files=[]).archive("3.15.3", 1) is None
    assert api(files=[source_file("3.15.3", sha256_sum="")]).archive("3.15.3", 1) is None


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"sha256_sum": "x" * 64}, "no valid sha256"),
        ({"sha256_sum": SHA + "\n"}, "no valid sha256"),
        ({"filesize": "1"}, "Expected `int`"),
        ({"filesize": -1}, "Expected `int` >= 0"),
        ({"filesize": 10**30}, "cannot be used"),
        ({"sbom_spdx2_file": "https://www.python.org/\ud800"}, "another server"),
        ({"sbom_spdx2_file": "https://www.python.org/\x1b[2J"}, r"another server: .*x1b"),
        ({"sigstore_bundle_file": "https://evil.test/b"}, "another server: https://evil.test/b"),
        ({"sbom_spdx2_file": "http://www.python.org/b"}, "another server"),
        ({"sbom_spdx2_file": "file:///etc/passwd"}, "another server"),
        ({"sbom_spdx2_file": "https://["}, "another server"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(keys, text):
    with pytest.raises(DownloadError, match=text):
        api(files=[source_file("3.15.3", **keys)]).archive("3.15.3", 1)


def test_new_unpinned_and_unsure_releases_are_found_and_verified(catalog):
    fake = FakePythonOrg()
    for number, version in enumerate(["3.15.0", "3.15.1", "3.15.2", "3.15.3", "3.14.1", "3.12.0"]):
        fake.add(version, number)
    findings = find_updates(fake.source(), catalog, ["3.15"])
    method = "release API and SPDX document; not verified by signature"
    assert [(each.version, each.status, each.verified) for each in findings] == [
        ("3.15.1", "new", method),
        ("3.15.2", "confirmed", method),
        ("3.15.3", "new", method),
    ]
    assert find_updates(fake.source(), catalog)[0].version == "3.14.1"


def test_with_the_package_sigstore_the_signature_of_the_release_manager_is_required(catalog):
    fake = FakePythonOrg()
    fake.add("3.15.3", 1)
    (finding,) = find_updates(fake.source(signed=True), catalog)
    assert finding.verified == "Sigstore signature of hugo@python.org"
    assert fake.signed == [
        ("Python-3.15.3.tar.xz", SHA, "hugo@python.org", "https://github.com/login/oauth")
    ]
    fake.answers[f"{source_file('3.15.3')['url']}.sigstore"] = {"signed": OTHER}
    with pytest.raises(SignatureError):
        find_updates(fake.source(signed=True), catalog)
    del fake.answers[f"{source_file('3.15.3')['url']}.sigstore"]
    (finding,) = find_updates(fake.source(signed=True), catalog)
    assert (finding.status, finding.verified) == ("unverified", "")
    assert "3.15.3.tar.xz.sigstore was not found" in finding.reason


@pytest.mark.parametrize(
    "entry", [{}, {"inclusionProof": None}, {"inclusionProof": {"hashes": []}}]
)
def test_a_signature_without_a_checkpoint_verifies_nothing(catalog, entry):
    fake = FakePythonOrg()
    fake.add("3.15.3", 1)
    entries = {"tlogEntries": [{"inclusionPromise": {}, **entry}]}
    fake.answers[f"{source_file('3.15.3')['url']}.sigstore"] = {"verificationMaterial": entries}
    (finding,) = find_updates(fake.source(signed=True), catalog)
    assert (finding.status, fake.signed) == ("unverified", [])
    assert "has no checkpoint" in finding.reason


def test_a_release_whose_manager_is_unknown_is_verified_without_its_signature(catalog):
    fake = FakePythonOrg()
    fake.add("3.17.0a1", 1)
    (finding,) = find_updates(fake.source(signed=True), catalog)
    assert finding.verified == "release API and SPDX document; not verified by signature"


@pytest.mark.parametrize(
    ("document", "error", "text"),
    [
        (spdx(OTHER), IntegrityError, f"two different sha256.*{SHA}.*{OTHER}"),
        ({"packages": []}, DownloadError, "no SHA256 of SPDXRef-PACKAGE-cpython"),
        ({"packages": 3}, DownloadError, "Expected `array`"),
        (b"{", DownloadError, "not JSON"),
    ],
)
def test_an_spdx_document_that_does_not_agree_is_an_error(catalog, document, error, text):
    fake = FakePythonOrg()
    fake.add("3.15.3", 1)
    fake.answers[source_file("3.15.3")["sbom_spdx2_file"]] = document
    with pytest.raises(error, match=text):
        find_updates(fake.source(), catalog)


@pytest.mark.parametrize("keys", [{"sha256_sum": OTHER}, {"filesize": 1}])
def test_a_pin_that_differs_from_that_of_a_recipe_is_an_error_that_shows_both(tmp_path, keys):
    fake = FakePythonOrg()
    fake.add("3.15.2", 1, **keys)
    own = tmp_path / "own"
    own.mkdir()
    text = f'series="3.15"\n[[tag]]\nversion="3.15.2"\ntar-xz="{SHA}"\nsize=7\nstated-by=["x"]\n'
    (own / "cpython-3.15.toml").write_text(text)
    with pytest.raises(IntegrityError) as raised:
        find_updates(fake.source(), load_catalog(own), ["3.15"])
    assert f"The recipes (stated by x): sha256 {SHA}, 7 bytes" in str(raised.value)
    assert f"python.org: sha256 {keys.get('sha256_sum', SHA)}" in str(raised.value)
    (finding,) = [
        each
        for each in check_pins(fake.source(), load_catalog(own), ["3.15"])
        if each.version == "3.15.2"
    ]
    assert finding.status == "different"


def test_check_verifies_every_pin_of_a_series(catalog):
    fake = FakePythonOrg()
    fake.add("3.15.2", 1)
    findings = check_pins(fake.source(), catalog, ["3.15"])
    assert [(each.version, each.status) for each in findings] == [
        ("3.15.0", "unverified"),
        ("3.15.2", "confirmed"),
    ]
    assert findings[0].reason == "python.org lists no such release"


@pytest.mark.parametrize("series", ["3.12", "main", "../x", "3.15.0"])
def test_only_series_with_the_jit_are_asked_for(catalog, series):
    fake = FakePythonOrg()
    with pytest.raises(RequestError, match="is not a series"):
        find_updates(fake.source(), catalog, [series])
    assert fake.asked == []


def pin(version: str, **keys) -> PinFinding:
    values = {"sha256": SHA, "size": 9, "verified": "so", "status": "new", **keys}
    return PinFinding(version=version, **values)


def test_verified_pins_are_written_and_used_from_then_on(tmp_path, shipped, catalog):
    own = tmp_path / "own" / "recipes"
    pins = [pin("3.15.1"), pin("3.15.2", status="confirmed"), pin("3.17.0a1"), pin("3.17.0a2")]
    bad = PinFinding(version="3.15.9", status="unverified", reason="x")
    written = write_pins([*pins, bad], catalog.tags(), own, "python.org")
    assert [path.name for path in written] == ["cpython-3.15.toml", "cpython-3.17.toml"]
    known = load_catalog(own, shipped=shipped)
    tags = known.tags()
    assert list(tags) == ["3.15.0", "3.15.1", "3.15.2", "3.17.0a1", "3.17.0a2"]
    assert known.unpinned() == {}
    assert tags["3.15.2"] == msgspec.structs.replace(
        catalog.tags()["3.15.2"], size=9, stated_by=("debian", "python.org"), verified="so"
    )
    assert write_pins([], tags, own, "python.org") == []


def test_the_other_keys_of_a_shipped_tag_are_kept_in_ones_own(tmp_path):
    shipped = load_catalog().tags()
    unusual = next(tag for tag in shipped.values() if tag.llvm_major)
    found = pin(unusual.version, sha256=unusual.tar_xz, status="confirmed")
    write_pins([found], shipped, tmp_path, "python.org")
    own = load_catalog(tmp_path).tags()[unusual.version]
    stated = (*unusual.stated_by, "python.org")
    assert own == msgspec.structs.replace(unusual, size=9, stated_by=stated, verified="so")


def test_a_file_that_cannot_be_edited_is_refused_and_no_other_file_is_written(tmp_path, catalog):
    (tmp_path / "cpython-3.15.toml").write_text(
        f'series = "3.15"\ntag = [{{version = "3.15.1", tar-xz = "{OTHER}"}}]\n'
    )
    with pytest.raises(RecipeError, match=r"cpython-3.15.toml is not TOML"):
        write_pins([pin("3.14.9"), pin("3.15.2")], {}, tmp_path, "python.org")
    assert [path.name for path in tmp_path.glob("*.toml")] == ["cpython-3.15.toml"]


class Asked:
    """Answers with `answers` in turn, and records the validators of the requests."""

    def __init__(self, *answers: Document) -> None:
        self.answers = list(answers)
        self.validators: list = []

    def __call__(self, address: Address, *, validators=None) -> Document:
        self.validators.append(validators)
        return self.answers.pop(0)


def test_answers_are_kept_for_a_day_and_then_asked_for_with_a_condition(tmp_path):
    now = [1000.0]
    etag = {"If-None-Match": '"a"'}
    get = Asked(Document(body=b"1", validators=etag), Document(body=None, validators=etag))
    answers = CachedAnswers(folder=tmp_path / "x", get=get, clock=lambda: now[0])

    def ask() -> bytes:
        return answers(Address("https://host.test/x?a"), check=lambda body: None)

    assert [ask(), ask()] == [b"1", b"1"]
    now[0] += 24 * 3600
    assert [ask(), ask()] == [b"1", b"1"]
    assert get.validators == [None, etag]
    now[0] -= 48 * 3600  # a clock that was wrong keeps no answer fresh
    get.answers.append(Document(body=b"2"))
    assert ask() == b"2"


def test_an_answer_that_cannot_be_used_is_not_kept(tmp_path):
    get = Asked(Document(body=b"{"), Document(body=b"[]"))
    api = ReleaseAPI(get=CachedAnswers(folder=tmp_path, get=get))
    with pytest.raises(DownloadError):
        api.releases()
    assert [*tmp_path.iterdir()] == []
    assert api.releases() == {}
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"damaged")
    get.answers.append(Document(body=b"[]"))
    assert api.releases() == {}
