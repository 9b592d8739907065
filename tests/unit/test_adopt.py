"""Adopting interpreters that are already on the machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import stores
from fake_interpreter import altered, build, probed
from provision_fakes import fake_probe

from jitbuild.errors import InterpreterError, ProofError, VariantError
from jitbuild.providers.adopt import adopt, refresh
from jitbuild.store.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def program(tmp_path):
    program = tmp_path / "python"
    program.write_text("3.15.2 yes-off")
    return program


def test_an_adopted_interpreter_is_registered_in_place(store, program):
    adopted = adopt(store, program, profile="release", probe=fake_probe)
    assert adopted.executable == program
    assert adopted.adopted
    assert adopted.fresh
    assert (adopted.variant.jit, adopted.variant.profile) == ("yes-off", "release")
    assert sorted(path.name for path in adopted.path.iterdir()) == ["jitbuild.toml", "launchers"]
    assert adopted.manifest.request == str(program)


def test_adopting_the_same_program_again_replaces_its_registration(store, program):
    first = adopt(store, program, probe=fake_probe)
    second = adopt(store, program, probe=fake_probe)
    assert (first.name, first.instance != second.instance) == (second.name, True)
    assert len(store.installed()) == 1


def test_a_profile_replaces_the_registration_and_is_kept_until_another_is_given(store, program):
    unknown = adopt(store, program, probe=fake_probe)
    for profile, expected in (("release", "release"), (None, "release"), ("debug", "debug")):
        adopted = adopt(store, program, profile=profile, probe=fake_probe)
        assert adopted.variant.profile == expected
        assert [each.name for each in store.installed()] == [adopted.name]
        assert adopted.name != unknown.name


def test_another_program_keeps_its_registration(store, program, tmp_path):
    other = tmp_path / "other"
    other.write_text("3.15.2 yes-off")
    adopt(store, program, profile="release", probe=fake_probe)
    adopt(store, other, probe=fake_probe)
    assert {each.variant.profile for each in store.installed()} == {"release", "unknown"}


def test_expect_is_advised_only_where_it_helps(store, program):
    def traced(path, *, expect, **_):
        return probed(altered(build("no"), tracers=["sys.settrace"]), expect=expect)

    with pytest.raises(ProofError) as caught:
        adopt(store, program, probe=traced)
    assert caught.value.remedy == f"`jitbuild probe {program}` shows every check."


def test_a_command_to_type_has_its_path_quoted(store, tmp_path):
    program = tmp_path / "a; b $(c)"
    program.write_text("3.15.2 no")
    with pytest.raises(ProofError) as caught:
        adopt(store, program, probe=fake_probe)
    assert f"jitbuild adopt '{program}' --expect no" in caught.value.remedy


def test_an_unexpected_build_is_refused_with_the_command_that_accepts_it(store, program):
    program.write_text("3.15.2 no")
    with pytest.raises(ProofError) as caught:
        adopt(store, program, probe=fake_probe)
    assert f"jitbuild adopt {program} --expect no" in caught.value.remedy
    assert adopt(store, program, expect="no", probe=fake_probe).variant.jit == "no"


def test_a_program_that_does_not_run_is_refused(store, program):
    program.write_text("broken")
    with pytest.raises(InterpreterError):
        adopt(store, program, probe=fake_probe)
    assert store.installed() == []


def test_another_implementation_is_refused(store, program):
    class PyPy:
        ok, implementation, built = True, "PyPy", "no"
        facts = SimpleNamespace(executable="")

    for expect, ok in (("no", True), ("jit", False)):
        PyPy.ok = ok
        with pytest.raises(VariantError, match="is PyPy, not CPython"):
            adopt(store, program, expect=expect, probe=lambda *_, **__: PyPy())


def test_refreshing_keeps_what_was_expected_and_how_it_was_built(store, program):
    program.write_text("3.15.2 no")
    stale = adopt(store, program, expect="no", profile="release", probe=fake_probe)
    program.write_text("3.15.3 no")
    refresh(store, stale, probe=fake_probe)
    (renewed,) = store.installed()
    assert (renewed.version, renewed.manifest.expect) == ("3.15.3", "no")
    assert renewed.variant.profile == "release"


def test_refreshing_a_program_that_no_longer_fits_keeps_its_registration(store, program):
    stale = adopt(store, program, probe=fake_probe)
    program.write_text("3.15.2 no")
    with pytest.raises(ProofError):
        refresh(store, stale, probe=fake_probe)
    assert [interpreter.name for interpreter in store.installed()] == [stale.name]


def test_an_interpreter_that_another_process_has_refreshed_is_not_probed_again(store, program):
    stale = adopt(store, program, probe=fake_probe)
    program.write_text("3.15.3 yes-off")
    refresh(store, stale, probe=fake_probe)
    renewed = store.installed()
    refresh(store, stale, probe=not_probed)
    assert store.installed() == renewed
    program.write_text("3.15.3  yes-off")
    refresh(store, renewed[0], probe=fake_probe)
    refresh(store, renewed[0], probe=not_probed)


def test_a_failure_that_another_process_has_recorded_is_raised_without_a_probe(store, program):
    stale = adopt(store, program, probe=fake_probe)
    program.write_text("broken")
    with pytest.raises(InterpreterError):
        refresh(store, stale, probe=fake_probe)
    with pytest.raises(ProofError, match="another process") as caught:
        refresh(store, stale, probe=not_probed)
    assert caught.value.remedy == f"To see why: jitbuild probe {program}"


def not_probed(*_, **__):
    pytest.fail("the interpreter was probed again")


def test_a_failed_refresh_is_recorded_in_the_present_registration(store, program):
    stale = adopt(store, program, probe=fake_probe)
    replaced = adopt(store, program, probe=fake_probe)
    program.write_text("broken")
    with pytest.raises(InterpreterError):
        refresh(store, stale, probe=fake_probe)
    (failed,) = store.installed()
    assert failed.instance == replaced.instance
    assert (failed.failed, failed.outdated, failed.proven) == (True, True, True)
    program.write_text("3.15.2 yes-off, repaired")
    assert not failed.failed


def test_refreshing_a_vanished_program_does_nothing(store, program):
    stale = adopt(store, program, probe=fake_probe)
    program.unlink()
    refresh(store, stale, probe=fake_probe)
    assert [interpreter.name for interpreter in store.installed()] == [stale.name]


class Machine:
    """A probe of a machine whose programs start one another: a file's content is its target.

    A program without content is an interpreter itself. `versions` are the versions of
    interpreters, by default 3.15.2; one with the version None does not run by itself.
    """

    def __init__(self):
        self.versions = {}

    def __call__(self, program, *, expect, **_):
        target = Path(program).read_text()
        started = Path(target) if target else program
        version = self.versions.get(started, "3.15.2")
        if version is None:
            if not target:
                raise InterpreterError("It lacks a library.", remedy="-")
            version = "3.15.2"
        facts = {"executable": str(started), "full_version": version}
        return probed(build("yes-off", version=version, **facts), expect=expect)


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def shim(tmp_path):
    """A shim that starts `real`, a file beside it."""
    real = tmp_path / "versions/3.15.2/bin/python3.15"
    real.parent.mkdir(parents=True)
    real.touch()
    shim = tmp_path / "shims/python3.15"
    shim.parent.mkdir()
    shim.write_text(str(real))
    return SimpleNamespace(path=shim, real=real)


def test_what_a_shim_starts_is_registered(store, machine, shim):
    adopted = adopt(store, shim.path, probe=machine)
    assert (adopted.executable, adopted.manifest.request) == (shim.real, str(shim.real))
    assert adopted.fresh
    assert adopt(store, shim.real, probe=machine).name == adopted.name


def test_a_wrapper_that_its_interpreter_needs_is_registered_itself(store, machine, shim):
    machine.versions[shim.real] = None
    assert adopt(store, shim.path, probe=machine).executable == shim.path


def test_a_wrapper_that_gives_its_interpreter_a_false_name_is_registered_itself(
    store, machine, shim
):
    def probe(program, *, expect, **_):
        verdict = machine(program, expect=expect)
        machine.versions[shim.real] = "3.14.0"
        return verdict

    adopted = adopt(store, shim.path, probe=probe)
    assert (adopted.executable, adopted.version) == (shim.path, "3.15.2")


def test_a_link_to_an_interpreter_is_registered_under_its_own_path(store, machine, shim, tmp_path):
    link = tmp_path / "python3"
    link.symlink_to(shim.real)
    assert adopt(store, link, probe=machine).executable == link


def test_the_python_of_a_venv_is_registered_under_its_own_path(store, machine, tmp_path):
    base = stores.put(store, "3.15.2")
    base.executable.write_text("")
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    (tmp_path / "venv/pyvenv.cfg").touch()
    python.symlink_to(base.executable)
    assert adopt(store, python, probe=machine).executable == python


@pytest.mark.parametrize("way", ["program", "folder", "link", "shim"])
def test_an_interpreter_of_the_store_is_returned_and_nothing_is_registered(
    store, machine, tmp_path, way
):
    own = stores.put(store, "3.15.2")
    own.executable.write_text("")
    (tmp_path / "link").symlink_to(own.executable)
    (tmp_path / "shim").write_text(str(own.executable))
    ways = {"program": own.executable, "folder": own.path}
    ways |= {"link": tmp_path / "link", "shim": tmp_path / "shim"}
    assert adopt(store, ways[way], probe=machine) == own
    assert store.installed() == [own]


def test_a_refreshed_registration_that_another_process_removed_stays_removed(store, program):
    stale = adopt(store, program, probe=fake_probe)
    program.write_text("3.15.3 yes-off")
    refresh(store, stale, probe=fake_probe)
    refresh(store, stale, probe=fake_probe)
    assert [interpreter.version for interpreter in store.installed()] == ["3.15.3"]
