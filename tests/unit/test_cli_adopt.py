"""`jitbuild adopt`."""

import json

import pytest
import stores
from fake_interpreter import build, probed

from jitbuild.errors import InterpreterError, ProofError
from jitbuild.providers import adopt
from jitbuild.store.store import Store

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def with_jit(monkeypatch):
    """Have every program answer the probe as a build with the JIT off by default does."""
    original = adopt.adopt

    def probe(program, *, expect, **_):
        return probed(build("yes-off"), expect=expect)

    monkeypatch.setattr(
        adopt, "adopt", lambda *args, **options: original(*args, probe=probe, **options)
    )


def test_the_executable_is_printed_and_the_interpreter_is_registered(
    run, home, elsewhere, with_jit
):
    code, out, err = run("adopt", elsewhere)
    (adopted,) = Store(home).installed()
    assert (code, out) == (0, f"{elsewhere}\n")
    proof = "the JIT is present and runs machine code with PYTHON_JIT=1"
    assert err == f"registered {adopted.name}: {proof}.\n"
    assert run("adopt", elsewhere, "-q") == (0, f"{elsewhere}\n", "")
    assert (adopted.adopted, adopted.variant.profile) == (True, "unknown")


def test_the_json_is_that_of_list(run, elsewhere, with_jit):
    adopted = json.loads(run("adopt", elsewhere, "--profile", "debug", "--json")[1])
    assert adopted == json.loads(run("list", "--json")[1])
    assert adopted[0]["variant"]["profile"] == "debug"


def test_a_name_on_path_is_adopted(run, elsewhere, with_jit, monkeypatch):
    elsewhere.chmod(0o755)
    monkeypatch.setenv("PATH", str(elsewhere.parent))
    assert run("adopt", elsewhere.name)[:2] == (0, f"{elsewhere}\n")


def test_a_name_that_is_neither_on_path_nor_a_file_is_refused(run, home):
    code, out, err = run("adopt", "nope")
    assert (code, out) == (InterpreterError.exit_code, "")
    assert "There is no program 'nope' on PATH, and no such file in this folder." in err


def test_an_interpreter_that_is_not_as_expected_is_not_registered(run, home, elsewhere, with_jit):
    assert run("adopt", elsewhere, "--expect", "no")[0] == ProofError.exit_code
    assert Store(home).installed() == []


def test_an_interpreter_of_the_store_is_named_and_nothing_is_registered(run, home):
    own = stores.put(Store(home))
    code, out, err = run("adopt", own.executable)
    assert (code, out) == (0, f"{own.executable}\n")
    assert err == f"{own.executable} is {own.name}, which is already in the store.\n"
    assert Store(home).installed() == [own]


def test_the_program_that_a_shim_starts_is_named(run, elsewhere, tmp_path, monkeypatch):
    shim = tmp_path / "shim"
    shim.touch()
    original = adopt.adopt

    def probe(program, *, expect, **_):
        return probed(build("yes-off", executable=str(elsewhere)), expect=expect)

    monkeypatch.setattr(
        adopt, "adopt", lambda *args, **options: original(*args, probe=probe, **options)
    )
    code, out, err = run("adopt", shim)
    assert (code, out) == (0, f"{elsewhere}\n")
    started, registered = err.splitlines()
    assert started == f"{shim} starts {elsewhere}, which was registered in its place."
    assert registered.startswith("registered cpython-")


def test_a_name_of_an_adopted_interpreter_registers_its_program_again(
    run, home, elsewhere, with_jit
):
    run("adopt", elsewhere)
    (adopted,) = Store(home).installed()
    code, out, err = run("adopt", adopted.name.rpartition("-")[0], "--profile", "release")
    (again,) = Store(home).installed()
    assert (code, out, again.variant.profile) == (0, f"{elsewhere}\n", "release")
    assert f" It replaces {adopted.name}." in err
    code, _, err = run("adopt", again.name)
    assert (code, "replaces" in err) == (0, False)
    assert Store(home).get(again.name).variant.profile == "release"


def test_a_name_of_a_built_interpreter_is_in_the_store(run, home):
    own = stores.put(Store(home))
    assert run("adopt", own.name) == (
        0,
        f"{own.executable}\n",
        f"{own.executable} is {own.name}, which is already in the store.\n",
    )
