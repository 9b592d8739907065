"""Adopting interpreters that are already on the machine."""

from __future__ import annotations

import pytest
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

    with pytest.raises(VariantError, match="is PyPy"):
        adopt(store, program, expect="no", probe=lambda *_, **__: PyPy())


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


def test_refreshing_a_vanished_program_does_nothing(store, program):
    stale = adopt(store, program, probe=fake_probe)
    program.unlink()
    refresh(store, stale, probe=fake_probe)
    assert [interpreter.name for interpreter in store.installed()] == [stale.name]
