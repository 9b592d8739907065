"""Installs of prebuilt interpreters: archives of small files, and what is refused."""

import hashlib
import json
import zipfile
from dataclasses import replace

import msgspec
import pytest
from moved_stores import REPAIRER
from prebuilt_samples import NAME, SYSCONFIG, URL, catalog_with, layout, tar
from provision_fakes import HOST, FakeProvider, fake_probe, missing_modules
from reporters import RecordingReporter
from source_fakes import FakeDownload
from stores import put

from jitbuild.errors import (
    ArchiveError,
    BuildError,
    IntegrityError,
    InterpreterError,
    MissingError,
    ProofError,
    SignatureError,
    UnsafeArchiveError,
    UsageError,
    VariantError,
)
from jitbuild.options import BuildOptions
from jitbuild.planning.prebuilt import prebuilt_plan
from jitbuild.providers.prebuilt import PrebuiltProvider
from jitbuild.provision import Provisioner
from jitbuild.request import Axes, parse
from jitbuild.sources import prebuilt_archive
from jitbuild.sources.archive_cache import CachedArchive
from jitbuild.store.mismatch import check_axes, reasons
from jitbuild.store.store import Store
from jitbuild.system.process import Completed
from jitbuild.system.signatures import Signer
from jitbuild.target import TARGETS

PREBUILT = Axes(provider="prebuilt")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def install(store, reporter):
    """Install the archive `content`, served at URL, or the one that `served` maps a URL to."""

    def install(
        content,
        spec="3.15.2",
        *,
        axes=PREBUILT,
        served=None,
        catalog=None,
        provider=None,
        machine=HOST,
        **options,
    ):
        download = FakeDownload(served or {URL: content})

        def fetch(source, origin, archives):
            return prebuilt_archive.fetch(source, origin, replace(archives, downloader=download))

        install.urls = download.urls
        install.compiler = FakeProvider()
        return Provisioner(
            store,
            catalog or catalog_with(content),
            BuildOptions(**options),
            reporter,
            provider=install.compiler,
            prebuilt=replace(provider or PrebuiltProvider(), fetch=fetch),
            probe=fake_probe,
            missing_modules=missing_modules,
            repairer=REPAIRER,
            this_host=lambda: machine,
        ).ensure(parse(spec), axes)

    return install


def leftovers(store):
    """Return what a failed install has left besides archives and locks."""
    folders = [store.interpreters, store.scratches]
    return [path for folder in folders if folder.is_dir() for path in folder.iterdir()]


def test_an_archive_is_unpacked_adapted_proven_and_kept(install, store):
    interpreter = install(layout())
    assert interpreter.executable == interpreter.path / "bin/python3.15"
    assert str(interpreter.path) in (interpreter.path / SYSCONFIG).read_text()
    assert "'CC': 'cc'" in (interpreter.path / SYSCONFIG).read_text()
    script = (interpreter.path / "bin/pip").read_text()
    assert str(interpreter.path / "bin/python3.15") in script
    assert "/install" not in script
    assert (interpreter.provider, interpreter.state) == ("prebuilt", "proven")
    assert install.compiler.tasks == []
    assert store.scratch_folders() == []


def test_the_manifest_and_the_json_tell_builder_build_and_source(install):
    shown = json.loads(json.dumps(install(layout()).to_json()))
    assert shown["provider"] == "prebuilt"
    assert shown["prebuilt"] == {"builder": "python-build-standalone", "build": "20261110"}
    assert (shown["source"]["kind"], shown["source"]["location"]) == ("prebuilt", URL)
    assert shown["source"]["origin"] == URL
    assert shown["source"]["verified"] == "sha256 pin in a recipe"
    assert shown["toolchain"] is None
    assert {"download", "unpack", "relocate", "probe", "total"} == set(shown["times"])


def test_the_archive_is_downloaded_once(install):
    first = install(layout())
    again = install(layout(), reinstall=True)
    assert install.urls == []
    assert again.instance != first.instance
    assert again.manifest.source.origin == "cache"


@pytest.mark.parametrize("path", [f"20261110/{NAME}", NAME])
def test_a_folder_serves_as_a_mirror_with_or_without_folders_of_builds(install, tmp_path, path):
    file = tmp_path / "mirror" / path
    file.parent.mkdir(parents=True)
    file.write_bytes(layout())
    mirror = str(tmp_path / "mirror")
    interpreter = install(layout(), served={"https://nothing": b""}, mirror=mirror)
    assert interpreter.manifest.source.origin == str(file)


@pytest.mark.parametrize("path", ["20261110/cpython-3.15.2%2B20261110-x86_64.tar.gz", NAME])
def test_a_url_serves_as_a_mirror(install, path):
    url = f"https://mirror.example/{path.replace('+', '%2B')}"
    interpreter = install(layout(), served={url: layout()}, mirror="https://mirror.example")
    assert interpreter.manifest.source.origin == url


def test_a_mirror_that_lacks_the_archive_is_the_only_one_asked(install, tmp_path):
    with pytest.raises(MissingError, match=r"was not found at"):
        install(layout(), mirror=str(tmp_path))
    assert install.urls == []


def test_the_distribution_has_no_prebuilt_interpreters(install):
    with pytest.raises(UsageError, match="has only sources"):
        install(layout(), mirror="distro")


def test_auto_compiles_if_the_only_origin_has_sources_alone(install, reporter):
    interpreter = install(layout(), axes=Axes(provider="auto"), mirror="distro")
    assert interpreter.provider == "source"
    assert reporter.notes == [
        "3.15.2 is compiled (--provider auto). The mirror `distro` has only sources."
    ]


def test_auto_takes_what_fits_and_compiles_the_rest(install, reporter):
    auto = Axes(provider="auto")
    assert install(layout(), axes=auto).provider == "prebuilt"
    assert reporter.notes == []
    assert install(layout(), "3.13.15", axes=auto).provider == "source"
    (note,) = reporter.notes
    assert note == (
        "3.13.15 is compiled (--provider auto). The recipes pin no prebuilt CPython for 3.13.15 on "
        "x86_64-linux-gnu."
    )
    install(layout(), "3.13.15", axes=auto)  # from the store
    assert reporter.notes.count(note) == 1


def test_on_musl_nothing_prebuilt_is_downloaded(install, reporter):
    musl = replace(HOST, libc="musl")
    with pytest.raises(VariantError, match="need glibc") as caught:
        install(layout(), machine=musl)
    assert "--provider source --jit no" in caught.value.remedy
    assert install.urls == []
    assert install(layout(), axes=Axes(provider="auto", jit="no"), machine=musl).variant.jit == "no"
    assert "this machine has musl" in reporter.notes[0]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (layout("3.15.2 no"), ProofError, r"was downloaded, but is not what was requested"),
        (layout("3.14.10 yes-off"), ProofError, r"3\.14\.10"),
        (layout("broken"), InterpreterError, r"was downloaded, but does not run"),
        (layout("3.15.2 yes"), ProofError, r"not what was requested"),
        (tar({"bin/perl": "x"}), ProofError, r"has no bin/python3\.15"),
        (tar({"../escaped": "x"}), UnsafeArchiveError, r"outside the folder"),
        (layout()[:200], ArchiveError, r"is damaged"),
    ],
)
def test_an_unusable_archive_is_refused_and_leaves_nothing(install, store, content, error, message):
    with pytest.raises(error, match=message) as caught:
        install(content)
    assert leftovers(store) == []
    if error in {ProofError, InterpreterError}:
        assert "jitbuild install 3.15.2 --provider=source" in caught.value.remedy
        assert "jitbuild install 3.15\n" not in str(caught.value)
    assert install(layout(), catalog=catalog_with(layout())).state == "proven"


def test_a_python_of_another_series_is_named(install, store):
    other = tar({"bin/python3.14": "3.14.10 yes-off"}, links=[("bin/python3", "python3.14")])
    with pytest.raises(ProofError, match=r"3\.14\.10"):
        install(other)
    assert leftovers(store) == []


def test_an_archive_with_another_sha256_is_not_unpacked(install, store):
    with pytest.raises(IntegrityError):
        install(layout(), served={URL: layout("3.15.2 no")})
    assert leftovers(store) == []


def test_the_build_attestation_is_verified_before_the_download_if_asked_for(install, store):
    attested = []
    provider = PrebuiltProvider(attest=lambda *given: attested.append(given))
    interpreter = install(layout(), provider=provider, verify=True)
    assert attested == [(NAME, hashlib.sha256(layout()).hexdigest())]
    assert interpreter.manifest.source.verified == (
        "sha256 pin in a recipe, and build attestation of GitHub"
    )

    def refuse(name, sha256):
        raise SignatureError("No attestation.", remedy="-")

    with pytest.raises(SignatureError):
        install(layout(), provider=PrebuiltProvider(attest=refuse), verify=True, reinstall=True)
    assert install.urls == []


@pytest.mark.parametrize("upgrade", [False, True])
def test_an_interpreter_in_the_store_is_used_and_a_note_tells_how_it_was_verified(
    install, reporter, upgrade
):
    first = install(layout())
    provider = PrebuiltProvider(attest=lambda *_: pytest.fail("asked"))
    again = install(layout(), provider=provider, verify=True, upgrade=upgrade)
    assert again.instance == first.instance
    (note,) = (note for note in reporter.notes if "--verify" in note)
    assert "It was installed with: sha256 pin in a recipe. To install it again: --rein" in note


@pytest.mark.parametrize(
    ("fields", "verified"),
    [
        ({}, "sha256 pin in a recipe"),
        (
            {"stated_by": ("uv", "pbs-installer")},
            "sha256 pin in a recipe, stated by uv, pbs-installer",
        ),
        (
            {"verified": "Sigstore signature of hugo@python.org", "stated_by": ("python.org",)},
            "sha256 pin in a recipe, verified: Sigstore signature of hugo@python.org",
        ),
    ],
)
def test_the_manifest_tells_where_the_pin_comes_from(install, fields, verified):
    interpreter = install(layout(), catalog=catalog_with(layout(), **fields))
    assert interpreter.manifest.source.verified == verified


ZIP = "https://www.python.org/ftp/python/3.15.2/python-3.15.2-amd64.zip"


def test_the_signature_of_the_release_manager_is_verified_for_archives_of_python_org(install):
    signed = []
    provider = PrebuiltProvider(check_zip=lambda *given: signed.append(given))
    catalog = catalog_with(layout(), builder="python.org", build="", url=ZIP)
    interpreter = install(
        layout(), catalog=catalog, served={ZIP: layout()}, provider=provider, verify=True
    )
    hugo = Signer(identity="hugo@python.org", issuer="https://github.com/login/oauth")
    assert signed == [(ZIP, "3.15.2", hashlib.sha256(layout()).hexdigest(), hugo)]
    assert interpreter.manifest.source.verified == (
        "sha256 pin in a recipe, and Sigstore signature of hugo@python.org"
    )


def test_without_a_known_release_manager_nothing_is_verified(install):
    catalog = catalog_with(layout(), builder="python.org", build="", url=ZIP)
    series = msgspec.structs.replace(catalog.series["3.15"], release_manager=None)
    catalog = replace(catalog, series=catalog.series | {"3.15": series})
    with pytest.raises(UsageError, match="no recipe names its signer"):
        install(layout(), catalog=catalog, served={ZIP: layout()}, verify=True)


def test_an_attestation_is_asked_for_only_if_it_can_exist(install):
    with pytest.raises(UsageError, match="--verify checks prebuilt archives"):
        install(layout(), axes=Axes(), verify=True)
    with pytest.raises(UsageError, match=r"is compiled\. No prebuilt .* --jit no is given\."):
        install(layout(), axes=Axes(provider="auto", jit="no"), verify=True)
    fields = {"builder": "own", "build": ""}
    own = catalog_with(layout(), **fields)
    with pytest.raises(UsageError, match="archives of own have none"):
        install(layout(), catalog=own, verify=True)


def test_a_removed_archive_is_explained(install):
    with pytest.raises(MissingError) as caught:
        install(layout(), served={"https://nothing": b""})
    assert "--provider source" in caught.value.remedy


def test_a_prebuilt_interpreter_answers_only_requests_that_it_fits(install, store):
    interpreter = install(layout())
    fits = [Axes(), Axes(profile="release"), Axes(jit="yes-off"), PREBUILT, Axes(provider="auto")]
    others = [Axes(profile="debug"), Axes(jit="no"), Axes(configure_args=("--x",))]
    for axes in fits:
        assert store.find(parse("3.15"), axes) == interpreter
    for axes in [*others, Axes(provider="source")]:
        assert store.find(parse("3.15"), axes) is None
    why = reasons([interpreter], parse("3.15"), Axes(provider="source"))
    assert why == f"{interpreter.name} was built by others (--prebuilt)."


def test_a_built_interpreter_does_not_answer_for_a_prebuilt_one(install, store):
    built = put(store, profile="release")
    assert store.find(parse("3.15"), PREBUILT) is None
    assert reasons([built], parse("3.15"), PREBUILT) == f"{built.name} was compiled by jitbuild."
    assert install(layout()).provider == "prebuilt"
    assert len(store.installed()) == 2


def test_a_name_contradicts_another_provider(install):
    interpreter = install(layout())
    check_axes(interpreter, PREBUILT)
    with pytest.raises(UsageError, match="was built by others"):
        check_axes(interpreter, Axes(provider="source"))


def test_a_named_prebuilt_interpreter_is_installed_again_from_its_pin(install):
    interpreter = install(layout())
    again = install(layout(), interpreter.name, axes=Axes(), reinstall=True)
    assert (again.name, again.provider) == (interpreter.name, "prebuilt")
    assert again.instance != interpreter.instance


def test_the_first_note_of_a_build_names_the_faster_way(install, reporter):
    install(layout(), axes=Axes())
    assert "--prebuilt would take seconds" in reporter.notes[0]
    assert len(install.compiler.tasks) == 1


@pytest.mark.parametrize("options", [{"mirror": "distro"}, {"sha256": "0" * 64}])
def test_the_note_is_omitted_where_nothing_prebuilt_can_be_used(install, reporter, options):
    spec = "3.15.99" if "sha256" in options else "3.15.2"
    install(layout(), spec, axes=Axes(), **options)
    assert not [note for note in reporter.notes if "--prebuilt" in note]


def test_a_variant_that_nobody_builds_is_refused_before_anything_is_downloaded(install):
    with pytest.raises(VariantError):
        install(layout(), axes=replace_axes(jit="no"))
    assert install.urls == []


def replace_axes(**axes):
    return Axes(provider="prebuilt", **axes)


def windows_zip(tmp_path):
    """Return a zip in the layout of python.org's builds for Windows, which has no top folder."""
    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("python.exe", "python315.dll", "Lib/os.py", "DLLs/_ctypes.pyd"):
            file.writestr(name, "3.15.2 yes-off")
    return path


def staged_on_windows(tmp_path, runner):
    """Stage the zip for Windows, with `runner` in place of its Python."""
    archive = windows_zip(tmp_path)
    catalog = catalog_with(
        archive.read_bytes(),
        builder="python.org",
        build="",
        target="x86_64-windows",
        url="https://www.python.org/ftp/python/3.15.2/python-3.15.2-amd64.zip",
    )
    target = TARGETS["x86_64-windows"]
    plan = prebuilt_plan(parse("3.15"), PREBUILT, target, catalog)
    provider = PrebuiltProvider(fetch=lambda *_: cached(archive), runner=runner, environ={})
    return provider, plan


def cached(path):
    return CachedArchive(path, "cache")


class Task:
    def __init__(self, plan, tmp_path):
        self.plan, self.scratch, self.store = plan, tmp_path / "scratch", Store(tmp_path / "home")
        self.options, self.reporter = BuildOptions(), RecordingReporter()


def test_the_zip_for_windows_gets_pip_from_ensurepip(tmp_path, monkeypatch):
    commands = []

    def run(argv, *, env, cwd):
        commands.append((argv, cwd))
        (cwd / "Scripts").mkdir()
        (cwd / "Scripts/pip3.exe").touch()
        return Completed(argv=argv, returncode=0)

    provider, plan = staged_on_windows(tmp_path, run)
    staged = provider.stage(Task(plan, tmp_path))
    assert staged.program == staged.prefix / "python.exe"
    assert [argv for argv, _ in commands] == [(f"{staged.prefix}/python.exe", "-m", "ensurepip")]
    assert not list((staged.prefix / "Scripts").iterdir())


def test_a_step_that_fails_is_reported(tmp_path):
    def run(argv, *, env, cwd):
        return Completed(argv=argv, returncode=1, stderr="no module named ensurepip\n")

    provider, plan = staged_on_windows(tmp_path, run)
    with pytest.raises(BuildError, match="the step pip failed: no module named ensurepip"):
        provider.stage(Task(plan, tmp_path))
