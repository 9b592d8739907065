"""`jitbuild doctor`."""

import json

import pytest

from jitbuild.toolchain.preflight import Preflight
from jitbuild.toolchain.requirements import CheckedRequirement, PreflightReport

pytestmark = pytest.mark.usefixtures("home")

MAKE = CheckedRequirement(name="make", ok=True, detail="GNU Make 4.4")
SSL = CheckedRequirement(
    name="ssl", ok=False, detail="no ssl.h", modules=("ssl",), packages=("openssl-devel",)
)
TK = CheckedRequirement(name="tk", ok=False, required=False, packages=("tk-devel",))


@pytest.fixture
def machine(monkeypatch):
    """Set the requirements that this machine is found to meet."""

    def machine(*requirements):
        report = PreflightReport(requirements=requirements, install="sudo dnf install {packages}")
        monkeypatch.setattr(Preflight, "run", lambda _: report)

    return machine


def test_requirements_are_aligned_and_missing_ones_give_code_1_and_the_command(run, machine):
    machine(MAKE, SSL, TK)
    code, out, err = run("doctor")
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "ok    make  GNU Make 4.4",
        "MISS  ssl   no ssl.h",
        "miss  tk",
        "",
        "Install what is missing: sudo dnf install openssl-devel",
        "Including what is optional: sudo dnf install openssl-devel tk-devel",
    ]


def test_optional_requirements_do_not_change_the_exit_code(run, machine):
    machine(MAKE, TK)
    assert run("doctor", "3.13.15", "--jit", "no")[0] == 0


def test_the_json_has_its_documented_shape(run, machine):
    machine(SSL)
    code, out, _ = run("doctor", "--json")
    assert code == 1
    assert json.loads(out) == [
        {
            "name": "ssl",
            "ok": False,
            "required": True,
            "detail": "no ssl.h",
            "modules": ["ssl"],
            "packages": ["openssl-devel"],
        }
    ]


def test_a_prebuilt_interpreter_needs_nothing_that_compiles(run):
    code, out, err = run("doctor", "--prebuilt", "--json")
    assert (code in {0, 1}, err) == (True, "")
    names = {requirement["name"] for requirement in json.loads(out)}
    assert "store" in names
    assert not names & {"make", "C compiler", "ssl"}
