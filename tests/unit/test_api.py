"""The public API: lazy, and with the same meaning as the command line."""

import ast
import importlib
import inspect
import os
import pkgutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import stores

import jitbuild
from jitbuild import api, provision
from jitbuild.errors import RequestError, SettingsError, StoreError, UsageError, VariantError
from jitbuild.options import BuildOptions
from jitbuild.request import Axes, parse
from jitbuild.settings import KNOWN
from jitbuild.store.store import Store
from jitbuild.system.progress import SilentReporter

PIN = "a" * 64


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in KNOWN:
        monkeypatch.delenv(f"JITBUILD_{name.upper()}", raising=False)
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def put(home, version="3.15.2"):
    return stores.put(Store(home), version)


@pytest.fixture
def asked(monkeypatch):
    """Record what a provisioner is asked to provide, instead of building."""
    calls = []

    @dataclass(frozen=True)
    class RecordingProvisioner(provision.Provisioner):
        def provide(self, plan, request):
            calls.append((self, plan, request))
            return plan

    monkeypatch.setattr(provision, "Provisioner", RecordingProvisioner)
    return calls


# ---- the facade --------------------------------------------------------------------------------


def test_every_public_name_comes_from_the_module_that_defines_it():
    for name in jitbuild.__all__:
        assert getattr(jitbuild, name) is getattr(
            importlib.import_module(f"jitbuild.{jitbuild._MODULES[name]}"), name
        )
    assert set(jitbuild.__all__) == set(jitbuild._MODULES) <= set(dir(jitbuild))


def test_type_checkers_see_the_same_names_from_the_same_modules():
    body = ast.parse(inspect.getsource(jitbuild)).body
    block, _ = (node for node in body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"jitbuild.{module}" for name, module in jitbuild._MODULES.items()}


def test_no_module_has_the_name_of_a_public_function():
    modules = {module.name for module in pkgutil.iter_modules(jitbuild.__path__)}
    assert not modules & set(jitbuild.__all__)
    for name in modules - {"__main__"}:
        importlib.import_module(f"jitbuild.{name}")
    assert [name for name in jitbuild.__all__ if inspect.ismodule(getattr(jitbuild, name))] == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'jitbuild' has no attribute 'nothing'"):
        _ = jitbuild.nothing
    assert not hasattr(jitbuild, "nothing")


def test_modules_can_still_be_imported_from_the_package():
    from jitbuild.planning import planner
    from jitbuild.probing import run_probe as probes

    assert inspect.ismodule(planner)
    assert inspect.ismodule(probes)


@pytest.mark.parametrize("name", jitbuild.__all__)
def test_every_public_name_has_a_docstring(name):
    assert inspect.getdoc(getattr(jitbuild, name))


# ---- ensure ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("complete")
def test_an_interpreter_in_the_store_is_returned(home, capsys):
    there = put(home)
    assert jitbuild.ensure("3.15").executable == there.executable
    assert capsys.readouterr() == ("", "")


def test_an_interpreter_the_store_lacks_is_planned_for_this_machine(home, asked):
    jitbuild.ensure(
        "3.15.2",
        jit="yes",
        profile="release",
        configure_args=["--with-trace-refs"],
        options=BuildOptions(mirror="distro", jobs=3),
    )
    ((provisioner, plan, request),) = asked
    assert (plan.version, plan.variant.jit, plan.variant.profile) == ("3.15.2", "yes", "release")
    assert plan.variant.configure_args == ("--with-trace-refs",)
    assert (provisioner.store.root, str(provisioner.options.mirror), provisioner.options.jobs) == (
        home,
        "distro",
        3,
    )
    assert request.text == "3.15.2"
    assert isinstance(provisioner.reporter, SilentReporter)


def test_options_that_are_not_stated_come_from_the_settings(monkeypatch, asked):
    for name, value in {
        "JIT": "no",
        "PROFILE": "debug",
        "MIRROR": "distro",
        "JOBS": "5",
        "LLVM": "system",
    }.items():
        monkeypatch.setenv(f"JITBUILD_{name}", value)
    jitbuild.ensure("3.14.10", profile="fast", options=BuildOptions(llvm="managed"))
    ((provisioner, plan, _),) = asked
    assert (plan.variant.jit, plan.variant.profile) == ("no", "fast")
    assert (
        str(provisioner.options.mirror),
        provisioner.options.jobs,
        provisioner.options.llvm,
    ) == (
        "distro",
        5,
        "managed",
    )


def test_the_jit_setting_does_not_apply_to_free_threaded_builds(monkeypatch, asked):
    monkeypatch.setenv("JITBUILD_JIT", "yes")
    jitbuild.ensure("3.14.10t")
    assert asked[0][1].variant.jit == "no"
    with pytest.raises(VariantError):
        jitbuild.ensure("3.14.10t", jit="yes")


def test_a_setting_that_is_no_choice_is_refused(monkeypatch):
    monkeypatch.setenv("JITBUILD_JIT", "on")
    with pytest.raises(SettingsError, match="JITBUILD_JIT"):
        jitbuild.ensure("3.15.2")


@pytest.mark.parametrize("text", [PIN, PIN.upper(), f"sha256:{PIN}", f" {PIN}\n"])
def test_a_hash_is_accepted_as_people_paste_it(asked, text):
    jitbuild.ensure("3.15.9", options=BuildOptions(sha256=text))
    assert asked[0][1].source.digest == PIN


@pytest.mark.parametrize("text", ["", "abc", PIN[:-1], PIN + "a", "g" * 64])
def test_a_malformed_hash_is_refused(text):
    with pytest.raises(UsageError, match="is not a sha256"):
        jitbuild.ensure("3.15.9", options=BuildOptions(sha256=text))


@pytest.mark.parametrize(
    "spec", ["3.15", ">=3.14", "main", "./cpython", "git+https://example.org/cpython"]
)
def test_a_hash_that_would_be_ignored_is_refused(spec):
    with pytest.raises(UsageError, match="belongs to one archive"):
        jitbuild.ensure(spec, options=BuildOptions(sha256=PIN))
    with pytest.raises(UsageError, match="belongs to one archive"):
        jitbuild.plan(spec, sha256=PIN)


def test_a_hash_for_several_releases_is_refused():
    with pytest.raises(UsageError, match="belongs to one release"):
        jitbuild.ensure_all(["3.15.9", "3.15.8"], options=BuildOptions(sha256=PIN))


def test_every_spec_is_provided_in_every_variant(asked):
    outcomes = jitbuild.ensure_all(["3.15.2"], [Axes(jit="yes"), Axes(jit="no")])
    assert [plan.variant.jit for _, plan, _ in asked] == ["yes", "no"]
    assert [outcome.name for outcome in outcomes] == ["3.15.2 (jit yes)", "3.15.2 (jit no)"]


@pytest.mark.parametrize("call", [jitbuild.ensure, BuildOptions])
def test_a_misspelt_option_is_an_error_that_names_it(call):
    with pytest.raises(TypeError, match="mirorr"):
        call(mirorr="distro")


def test_a_patch_is_identified_by_its_content(tmp_path):
    (tmp_path / "a.patch").write_text("x")
    (tmp_path / "b.patch").write_text("x")
    assert api.read_patch("a.patch").sha256 == api.read_patch(tmp_path / "b.patch").sha256
    with pytest.raises(UsageError, match=r"none\.patch cannot be read"):
        jitbuild.plan("3.15.2", patches=["none.patch"])


# ---- plan and installed ------------------------------------------------------------------------


def test_a_plan_is_for_the_given_platform():
    plan = jitbuild.plan("3.15.0b2", platform="macos-arm64", jit="yes")
    assert (plan.target.name, plan.variant.jit, plan.version) == (
        "aarch64-macos",
        "yes",
        "3.15.0b2",
    )
    assert jitbuild.plan("3.15.2").target.name


def test_a_plan_ignores_the_store(home):
    put(home, "3.15.0")
    assert jitbuild.plan("3.15").version == "3.15.2"


def test_a_plan_uses_the_user_s_own_recipes(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "cpython-3.15.toml").write_text(
        f'series = "3.15"\n[[tag]]\nversion = "3.15.9"\ntar-xz = "{PIN}"\n'
    )
    assert jitbuild.plan("3.15", recipes="mine").source.digest == PIN
    monkeypatch.setenv("JITBUILD_RECIPES", str(folder))
    assert jitbuild.plan("3.15").version == "3.15.9"


@pytest.mark.parametrize("call", [jitbuild.ensure, jitbuild.plan])
def test_a_malformed_request_is_refused(call):
    with pytest.raises(RequestError):
        call("latest")


def test_installed_lists_the_given_store(home, tmp_path):
    assert jitbuild.installed() == []
    name = put(home).name
    assert [found.name for found in jitbuild.installed()] == [name]
    assert jitbuild.installed(home=tmp_path / "other") == []
    assert api.store("~/x").root == Path("~/x").expanduser()


def test_stated_axes_outrank_the_settings(monkeypatch):
    monkeypatch.setenv("JITBUILD_PROFILE", "release")
    assert api.axes_with_settings(Axes(), parse("3.15")) == Axes(profile="release")
    assert api.axes_with_settings(Axes(profile="debug"), parse("3.15")) == Axes(profile="debug")


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_a_store_that_everybody_can_write_is_refused_unless_the_user_accepts_it(
    tmp_path, monkeypatch
):
    home = tmp_path / "a home"
    home.mkdir()
    home.chmod(0o777)
    for name in ("JITBUILD_SHARED_STORE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreError, match="Every user of this machine can write") as caught:
        api.store(home)
    assert f"chmod o-w '{home}'" in caught.value.remedy
    monkeypatch.setenv("JITBUILD_SHARED_STORE", "yes")
    assert api.store(home).root == home
    monkeypatch.setenv("JITBUILD_SHARED_STORE", "no")
    home.chmod(0o775)
    assert api.store(home).root == home


def test_a_folder_with_other_things_is_refused_wherever_a_store_is_read(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StoreError, match="is not a store of jitbuild"):
        api.installed(home=tmp_path)
