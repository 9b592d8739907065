"""The policy for interpreters that are not in the store, and what each does."""

from types import SimpleNamespace

import pytest
import stores
from reporters import RecordingReporter

from jitbuild import api
from jitbuild.errors import NotInstalledError, ProofError, SettingsError, VariantError
from jitbuild.request import parse
from jitbuild.sessions.interpreter_request import InterpreterRequest
from jitbuild.sessions.missing_policy import policy_of
from jitbuild.sessions.resolve import InterpreterSources, resolve
from jitbuild.store.store import Store

REQUEST = InterpreterRequest(parse("3.15"))
REPORTER = RecordingReporter()


def test_the_policy_is_that_of_the_variable_else_of_the_noxfile_else_install():
    assert policy_of("adopt", {"JITBUILD_POLICY": "never"}) == "never"
    assert policy_of("adopt", {}) == "adopt"
    assert policy_of(None, {"JITBUILD_POLICY": ""}) == "install"
    with pytest.raises(SettingsError, match="JITBUILD_POLICY: 'sometimes' is not a policy"):
        policy_of("adopt", {"JITBUILD_POLICY": "sometimes"})


def interpreter(jit):
    return SimpleNamespace(variant=SimpleNamespace(jit=jit))


def sources(find):
    """Return sources that name themselves; `find` is an interpreter, or the error to raise."""

    def find_it(request, reporter):
        if isinstance(find, Exception):
            raise find
        return find

    return InterpreterSources(
        install=lambda request, reporter: ("installed", request.jit),
        find=find_it,
        adopt=lambda request: SimpleNamespace(variant=SimpleNamespace(jit="yes"), adopted=True),
    )


def test_install_installs_what_is_missing():
    built = interpreter("yes-off")
    ways = InterpreterSources(install=lambda request, reporter: built)
    assert resolve(REQUEST, "install", REPORTER, ways) is built


def test_never_and_adopt_use_an_interpreter_of_the_store():
    stored = interpreter("yes")
    assert resolve(REQUEST, "never", REPORTER, sources(stored)) is stored
    assert resolve(REQUEST, "adopt", REPORTER, sources(stored)) is stored


def test_never_fails_and_adopt_adopts_where_the_store_has_none():
    error = NotInstalledError("None.", remedy="-")
    with pytest.raises(NotInstalledError):
        resolve(REQUEST, "never", REPORTER, sources(error))
    assert resolve(REQUEST, "adopt", REPORTER, sources(error)).adopted
    failed = ProofError("Broken.", remedy="-")
    assert resolve(REQUEST, "adopt", REPORTER, sources(failed)).adopted
    with pytest.raises(VariantError):
        resolve(REQUEST, "adopt", REPORTER, sources(VariantError("No.", remedy="-")))


def test_an_interpreter_without_a_jit_is_used_only_if_that_is_stated():
    requested = []

    def install(request, reporter):
        requested.append(request.jit)
        return interpreter(request.jit or "no")

    ways = InterpreterSources(install=install)
    assert resolve(REQUEST, "install", REPORTER, ways).variant.jit == "yes-off"
    assert requested == [None, "yes-off"]
    stated = REQUEST._replace(jit="no")
    assert resolve(stated, "install", REPORTER, ways).variant.jit == "no"
    for text in ("3.15t", "cpython-3.15.2-nojit-fast-0a1b2c3d"):
        request = InterpreterRequest(parse(text))
        assert resolve(request, "install", REPORTER, ways).variant.jit == "no"


def test_by_default_install_passes_the_stated_axes_on(monkeypatch):
    built, calls = interpreter("yes"), []

    def ensure(spec, **options):
        calls.append((spec, options))
        return built

    monkeypatch.setattr(api, "ensure", ensure)
    request = InterpreterRequest(parse("3.15"), jit="yes", profile="release")
    assert resolve(request, "install", REPORTER) is built
    assert calls == [("3.15", {"jit": "yes", "profile": "release", "reporter": REPORTER})]


@pytest.mark.parametrize("policy", ["never", "adopt"])
def test_by_default_the_interpreter_is_looked_up_in_the_store(tmp_path, monkeypatch, policy):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path))
    stored = stores.put(Store(tmp_path), "3.15.2")
    assert resolve(REQUEST, policy, REPORTER).name == stored.name


def test_by_default_adopt_looks_for_a_python_on_path(tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(NotInstalledError, match=r"3\.15"):
        resolve(REQUEST, "adopt", REPORTER)


def test_pull_uses_an_interpreter_of_the_store_and_else_asks_the_registry(monkeypatch):
    stored, pulled, calls = interpreter("yes"), interpreter("yes-off"), []

    def ensure(spec, **options):
        calls.append((spec, options["options"].pull_only))
        return pulled

    monkeypatch.setattr(api, "ensure", ensure)
    assert resolve(REQUEST, "pull", REPORTER, sources(stored)) is stored
    assert calls == []
    missing = sources(NotInstalledError("None.", remedy="-"))
    assert resolve(REQUEST, "pull", REPORTER, missing) is pulled
    assert calls == [("3.15", True)]


def test_prebuilt_uses_an_interpreter_of_the_store_and_else_downloads_one(monkeypatch):
    stored, downloaded, calls = interpreter("yes"), interpreter("yes-off"), []

    def ensure(spec, **options):
        calls.append((spec, options))
        return downloaded

    monkeypatch.setattr(api, "ensure", ensure)
    assert resolve(REQUEST, "prebuilt", REPORTER, sources(stored)) is stored
    assert calls == []
    missing = sources(NotInstalledError("None.", remedy="-"))
    assert resolve(REQUEST, "prebuilt", REPORTER, missing) is downloaded
    stated = {"jit": None, "profile": None, "provider": "prebuilt", "reporter": REPORTER}
    assert calls == [("3.15", stated)]
