"""`jitbuild recipes update prebuilt`: new pins from the builders' metadata, in the own recipes."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import msgspec
import pytest

from jitbuild.errors import DownloadError, IntegrityError, MissingError, RecipeError, SignatureError
from jitbuild.pins import pin_source, prebuilt_pins
from jitbuild.pins.prebuilt_pins import FEED, RELEASES, PrebuiltPins, write_archives
from jitbuild.recipes.catalog import load_catalog
from jitbuild.system.signatures import verify_signature
from sigstore_instance import SigstoreInstance

CATALOG = load_catalog()
SHIPPED = CATALOG.prebuilt
FOLDER = "https://www.python.org/ftp/python"
URL = f"{FOLDER}/3.15.3/python-3.15.3-amd64.zip"
ARM_URL = URL.replace("amd64", "arm64")
MANIFEST = f"{FOLDER}/3.15.3/windows-3.15.3.json"
UNSIGNED = "feed and manifest of the release; not verified by signature"
INSTANCE = SigstoreInstance()
VERIFY = functools.partial(verify_signature, verifier=INSTANCE.verifier)


def entry(url=URL, sha256="e" * 64):
    return {"schema": 1, "id": "pythoncore-3.15-64", "url": url, "hash": {"sha256": sha256}}


def windows(*, sha256="e" * 64, stated="e" * 64, signer="hugo@python.org", url=URL):
    """Return python.org's answers: a feed of two pages, and a manifest signed by `signer`.

    The feed has the zip at `url` with `sha256`, and the manifest has it with `stated`. Without a
    signer, there is no bundle.
    """
    manifest = json.dumps({"versions": [entry(url, stated)]}).encode()
    answers = {
        FEED: {"versions": [entry(url, sha256)], "next": "index-windows-recent.json"},
        f"{FOLDER}/index-windows-recent.json": {"versions": []},
    }
    pages = {address: json.dumps(page).encode() for address, page in answers.items()}
    if signer:
        bundle = INSTANCE.sign(manifest, signer, "https://github.com/login/oauth")
        pages[f"{MANIFEST}.sigstore"] = bundle
    return pages | {MANIFEST: manifest}


def release(version, sha256="f" * 64, platform="x86_64-unknown-linux-gnu"):
    name = f"cpython-{version.replace('+', '%2B')}-{platform}-install_only_stripped.tar.gz"
    artifact = {
        "platform": platform,
        "variant": "install_only_stripped",
        "url": f"https://example.org/{name}",
        "sha256": sha256,
    }
    return json.dumps({"version": version, "artifacts": [artifact]})


def get(*lines, pages=None):
    """Return a function that answers for the builders; it records the addresses in `asked`."""
    answers = {RELEASES: "\n".join(lines).encode(), **(windows() if pages is None else pages)}

    def answer(address):
        answer.asked.append(address.reveal())
        if address.reveal() not in answers:
            raise MissingError(f"{address} was not found (HTTP 404).", remedy="-")
        return answers[address.reveal()]

    answer.asked = []
    return answer


def found(*lines, catalog=CATALOG, pages=None, signature=None):
    return PrebuiltPins(catalog=catalog, get=get(*lines, pages=pages), signature=signature).find()


def builds(findings):
    return [(each.version, each.build) for each in findings.archives]


def test_new_archives_of_both_builders_are_found():
    findings = found(release("3.15.3+20261201"))
    assert [(each.version, each.target) for each in findings.archives] == [
        ("3.15.3", "x86_64-linux-gnu"),
        ("3.15.3", "x86_64-windows"),
    ]
    assert findings.unverified == ()


def test_known_and_older_builds_are_not_found_again():
    known = SHIPPED.find("3.15.2", "x86_64-linux-gnu")
    zipped = ("3.15.3", "")
    assert builds(found(release(f"3.15.2+{known.build}", known.sha256))) == [zipped]
    assert builds(found(release("3.15.2+20261028"))) == [zipped]
    assert builds(found(release("3.15.2+20270101"))) == [("3.15.2", "20270101"), zipped]


def test_a_build_whose_sha256_changed_is_an_error():
    known = SHIPPED.find("3.15.2", "x86_64-linux-gnu")
    with pytest.raises(IntegrityError, match=rf"has changed.* {known.sha256}\. .*{'f' * 64}"):
        found(release(f"3.15.2+{known.build}"))


def with_archive(archive):
    own = msgspec.structs.replace(SHIPPED, archive=(*SHIPPED.archive, archive))
    return replace(CATALOG, load_prebuilt=lambda: own)


def test_an_archive_that_the_user_chose_from_another_builder_is_kept():
    zipped = found().archives[0]
    own = msgspec.structs.replace(zipped, builder="own", sha256="0" * 64)
    assert builds(found(catalog=with_archive(own))) == []


def test_without_the_package_the_feed_and_the_manifest_must_agree():
    (archive,) = found(pages=windows(signer="")).archives
    assert (archive.url, archive.sha256, archive.verified) == (URL, "e" * 64, UNSIGNED)
    assert archive.stated_by == ("python.org",)
    with pytest.raises(IntegrityError, match=r"two different sha256\. The feed: e+\. .*: a+\."):
        found(pages=windows(stated="a" * 64))
    with pytest.raises(IntegrityError, match="manifest of the release states no sha256"):
        found(pages=windows(stated=""))


def test_with_the_package_the_release_manager_must_have_signed_the_manifest():
    (archive,) = found(signature=VERIFY).archives
    assert archive.verified == "Sigstore signature of hugo@python.org"
    with pytest.raises(SignatureError, match=r"signed by eve@python\.org"):
        found(pages=windows(signer="eve@python.org"), signature=VERIFY)
    with pytest.raises(IntegrityError, match="two different sha256"):
        found(pages=windows(sha256="a" * 64), signature=VERIFY)


@pytest.mark.parametrize("missing", [MANIFEST, f"{MANIFEST}.sigstore"])
def test_a_pin_without_a_manifest_or_a_signature_is_not_accepted_by_less(missing):
    pages = windows()
    del pages[missing]
    findings = found(pages=pages, signature=VERIFY)
    assert findings.archives == ()
    (sentence,) = findings.unverified
    assert sentence.startswith("python-3.15.3-amd64.zip is not added")
    assert f"{missing} was not found" in sentence


def test_a_series_without_a_known_release_manager_is_pinned_without_signature():
    series = {
        name: msgspec.structs.replace(recipe, release_manager=None)
        for name, recipe in CATALOG.series.items()
    }
    (archive,) = found(catalog=replace(CATALOG, series=series), signature=VERIFY).archives
    assert archive.verified == UNSIGNED


def test_a_pin_that_was_not_verified_by_signature_is_verified_once_it_can_be():
    (unsigned,) = found().archives
    catalog = with_archive(unsigned)
    assert found(catalog=catalog).archives == ()
    (signed,) = found(catalog=catalog, signature=VERIFY).archives
    assert signed.verified == "Sigstore signature of hugo@python.org"
    assert found(catalog=with_archive(signed), signature=VERIFY).archives == ()


def test_the_manifest_of_several_archives_is_fetched_once():
    versions = [entry(), entry(ARM_URL)]
    answer = get(
        pages={
            FEED: json.dumps({"versions": versions}).encode(),
            MANIFEST: json.dumps({"versions": versions}).encode(),
        }
    )
    findings = PrebuiltPins(catalog=CATALOG, get=answer).find()
    assert len(findings.archives) == 2
    assert answer.asked == [RELEASES, FEED, MANIFEST]


def test_what_is_written_is_read_again(tmp_path):
    findings = found(release("3.15.3+20261201"))
    path = write_archives(findings.archives, tmp_path / "recipes")
    merged = load_catalog(path.parent)
    assert {*findings.archives} <= {*merged.prebuilt.archive}
    assert len(merged.prebuilt.archive) == len(SHIPPED.archive) + 2
    assert found(release("3.15.3+20261201"), catalog=merged).archives == ()
    newer = found(release("3.15.3+20261231", "0" * 64), catalog=merged)
    write_archives(newer.archives, path.parent)
    assert path.read_text().count("[[archive]]") == 2


def test_a_page_on_another_server_is_not_followed():
    page = {"versions": [], "next": "https://elsewhere.example/index.json"}
    answer = get(pages={FEED: json.dumps(page).encode()})
    assert PrebuiltPins(catalog=CATALOG, get=answer).find() == ((), ())
    assert answer.asked == [RELEASES, FEED]


def test_an_own_file_that_is_not_toml_is_kept_and_reported(tmp_path):
    (tmp_path / "prebuilt.toml").write_text("[[archive")
    with pytest.raises(RecipeError, match="cannot be read"):
        write_archives([], tmp_path)
    assert (tmp_path / "prebuilt.toml").read_text() == "[[archive"


@pytest.fixture
def update(run, tmp_path, monkeypatch):
    """Run the command with the answers of `get`, in the folder `own`."""

    def update(answer, *words, signature=None):
        monkeypatch.setattr(prebuilt_pins, "fetch", answer)
        monkeypatch.setattr(pin_source, "installed_signature_check", lambda: signature)
        return run("recipes", "update", "prebuilt", "--recipes", str(tmp_path / "own"), *words)

    return update


def test_the_command_writes_the_pins_and_names_them(update, tmp_path):
    answer = get(release("3.15.3+20261201"))
    code, out, err = update(answer)
    assert code == 0, err
    assert "3.15.3  x86_64-linux-gnu  python-build-standalone 20261201" in out
    assert UNSIGNED in out
    assert f"Wrote {tmp_path / 'own' / 'prebuilt.toml'}." in err
    assert f'verified = "{UNSIGNED}"' in (tmp_path / "own" / "prebuilt.toml").read_text()
    code, out, err = update(answer)
    assert (code, out) == (0, "")
    assert "every archive" in err


def test_the_command_tells_which_pins_are_signed(update):
    code, out, err = update(get(), "--json", signature=VERIFY)
    assert code == 0, err
    (archive,) = json.loads(out)
    assert (archive["version"], archive["target"]) == ("3.15.3", "x86_64-windows")
    assert archive["verified"] == "Sigstore signature of hugo@python.org"


def test_an_archive_that_cannot_be_verified_is_reported_and_the_others_are_written(
    update, tmp_path
):
    answer = get(release("3.15.3+20261201"), pages=windows(signer=""))
    code, out, err = update(answer, signature=VERIFY)
    assert code == 1
    assert "windows" not in out
    assert "warning: python-3.15.3-amd64.zip is not added" in err
    assert (tmp_path / "own" / "prebuilt.toml").read_text().count("[[archive]]") == 1


def test_nothing_is_written_if_a_builder_cannot_be_reached(update, tmp_path):
    def fail(address):
        raise DownloadError(f"{address} cannot be reached.", remedy="Check the network.")

    code, *_ = update(fail)
    assert code == DownloadError.exit_code
    assert not (tmp_path / "own").exists()
