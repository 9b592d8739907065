"""providers/recorded_plan.py: the plan of an interpreter, made again from its manifest."""

from __future__ import annotations

import dataclasses
import hashlib

import msgspec
import pytest
import stores
from moved_stores import REPAIRER
from provision_fakes import HOST, FakeProvider, fake_probe, missing_modules

from jitbuild.errors import RequestError, UsageError
from jitbuild.options import BuildOptions
from jitbuild.providers.recorded_plan import recorded_plan
from jitbuild.provision import Provisioner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, Patch, parse
from jitbuild.store.store import Store

CATALOG = load_catalog()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def ensure(store, reporter):
    """Ensure a request with the given options; the provider is an attribute."""

    def ensure(spec, axes=Axes(), *, catalog=CATALOG, **options):  # noqa: B008
        provisioner = Provisioner(
            store,
            catalog,
            BuildOptions(**options),
            reporter,
            provider=ensure.provider,
            probe=fake_probe,
            missing_modules=missing_modules,
            repairer=REPAIRER,
            this_host=lambda: HOST,
        )
        return provisioner.ensure(parse(spec), axes)

    ensure.provider = FakeProvider()
    return ensure


@pytest.fixture
def patch(tmp_path):
    file = tmp_path / "fix.patch"
    file.write_text("--- a\n+++ b\n")
    return Patch(path=str(file), sha256=hashlib.sha256(file.read_bytes()).hexdigest())


def replan(interpreter, store):
    return recorded_plan(interpreter, HOST.target, store, CATALOG)


def test_the_plan_is_that_of_the_build(ensure, store):
    axes = Axes(jit="no", profile="release", configure_args=("--with-trace-refs",))
    built = ensure("3.15.2", axes)
    assert replan(built, store).key == built.key


def test_an_interpreter_is_built_again_by_its_name(ensure, store, reporter):
    first = ensure("3.15", Axes(jit="no"))
    again = ensure(first.name)
    assert (again.instance, len(ensure.provider.tasks)) == (first.instance, 1)
    assert reporter.notes[-1] == f"{first.name} is already in the store."
    renewed = ensure(first.name, reinstall=True)
    assert (renewed.name, renewed.instance != first.instance) == (first.name, True)
    assert renewed.manifest.request == "3.15"
    assert ensure.provider.tasks[1].plan.key == first.key


def test_an_interpreter_that_no_longer_works_is_built_again_by_its_name(ensure, store):
    first = ensure("3.15.2")
    first.executable.write_text("broken")
    assert ensure(first.name).instance != first.instance


def test_the_names_of_patches_are_recorded(ensure, store, patch):
    built = ensure("3.15.2", Axes(patches=(patch,)))
    assert built.patch_names == ["fix.patch"]
    assert built.to_json()["patches"] == [{"name": "fix.patch", "sha256": patch.sha256}]
    assert replan(built, store).key == built.key
    assert ensure(built.name, reinstall=True).patch_names == ["fix.patch"]


def test_a_patch_that_has_changed_is_reported(ensure, store, patch, tmp_path):
    built = ensure("3.15.2", Axes(patches=(patch,)))
    (tmp_path / "fix.patch").write_text("another")
    with pytest.raises(RequestError) as caught:
        ensure(built.name, reinstall=True)
    assert f"The patch {patch.path} is no longer there as it was." in caught.value.what
    assert caught.value.remedy.endswith(f"--jit=yes-off --profile=fast --patch={patch.path}")


def test_a_patch_without_a_recorded_name_is_shown_by_its_hash(store):
    old = stores.put(store, patches=(Patch(path="", sha256="a" * 64),))
    assert old.patch_names == ["a" * 12]
    with pytest.raises(RequestError, match="The patch with the sha256 aaaa") as caught:
        replan(old, store)
    assert caught.value.remedy == (
        "To build from what is there today: jitbuild install 3.15.2 --jit=yes-off --profile=fast; "
        f"add --patch FILE for the patch with the sha256 {'a' * 64}"
    )


def test_recipes_that_have_changed_are_reported(ensure):
    built = ensure("3.13.15")
    build = msgspec.structs.replace(CATALOG.build, rule=())
    changed = dataclasses.replace(CATALOG, build=build)
    with pytest.raises(RequestError, match="The recipes have changed since it was built"):
        ensure(built.name, catalog=changed, reinstall=True)


def test_a_source_folder_that_has_changed_is_reported(store, mini_cpython, tmp_path):
    tree = mini_cpython(tmp_path / "tree")
    request = parse(str(tree))
    built = stores.put(
        store,
        "3.15.2",
        request=request.shown,
        source={"kind": "folder", "digest": "d" * 64, "location": str(tree)},
    )
    with pytest.raises(RequestError) as caught:
        replan(built, store)
    assert f"{tree} has changed since it was built." in caught.value.what
    assert caught.value.remedy == (
        f"To build from what is there today: jitbuild install {tree} --jit=yes-off --profile=fast"
    )


@pytest.mark.parametrize(("expect", "option"), [("jit", ""), ("no", " --expect no")])
def test_an_adopted_interpreter_has_no_plan(store, tmp_path, expect, option):
    program = tmp_path / "python"
    program.touch()
    adopted = stores.put(store, program=program, expect=expect)
    with pytest.raises(UsageError) as caught:
        replan(adopted, store)
    assert caught.value.remedy == (
        f"To probe and register it again: jitbuild adopt {program}{option}"
    )
