"""What is pushed is the same for all users and umasks, and interruptions leave nothing half."""

from __future__ import annotations

import os
import re
import signal
import stat
from typing import TYPE_CHECKING

import pytest
from cli import Cli
from processes import wait_until
from registry_server import PASSWORD, USER, Registry, running_registry
from registry_tokens import running_token_service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("builds"),
    pytest.mark.skipif(os.name != "posix", reason="the interpreter is built with make"),
]
EXTENSION = """
#include <Python.h>
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "answer", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_answer(void) {
    PyObject *m = PyModule_Create(&module);
    if (m && PyModule_AddIntConstant(m, "answer", 42) < 0) { Py_CLEAR(m); }
    return m;
}
"""
SETUP = """
from setuptools import Extension, setup
setup(name="answer", version="1", ext_modules=[Extension("answer", ["answer.c"])])
"""


def test_another_user_of_another_machine_pulls_proves_and_uses_it(
    pushed: dict, other_user: Cli, cpython_version: str
) -> None:
    folder = other_user.home.parent
    result = other_user("pull", cpython_version, cwd=folder)
    assert result.out.startswith(str(other_user.home))
    assert "runs machine code with PYTHON_JIT=1" in result.err
    assert other_user.home.stat().st_uid == folder.stat().st_uid
    assert other_user("probe", cpython_version, cwd=folder).code == 0
    (folder / "answer.c").write_text(EXTENSION)
    (folder / "setup.py").write_text(SETUP)
    build = ("--with", "setuptools", "--", "setup.py", "-q", "build_ext", "--inplace")
    other_user("run", cpython_version, *build, cwd=folder)
    code = "import answer; print(answer.answer)"
    result = other_user("run", cpython_version, "--", "python", "-c", code, cwd=folder)
    assert result.out == "42\n"


def permissions(cli: Cli) -> dict[str, int]:
    """Return the permissions of the files in the only interpreter, except for bytecode."""
    (prefix,) = (cli.home / "interpreters").iterdir()
    return {
        str(path.relative_to(prefix)): stat.S_IMODE(path.lstat().st_mode)
        for path in prefix.rglob("*")
        if "__pycache__" not in path.parts
    }


def test_neither_the_umask_nor_the_store_changes_digest_and_permissions(
    pushed: dict, builder: Cli, machine: Cli, registry: Registry, cpython_version: str
) -> None:
    push = ("push", cpython_version, registry.repository, "--json")
    assert builder(*push, umask=0o077).json() == [pushed]
    machine("pull", cpython_version, umask=0o077)
    assert set(permissions(machine).values()) == {0o644, 0o755, 0o777}
    assert machine(*push).json() == [pushed]


def test_a_registry_with_a_token_service(
    builder: Cli, machine: Cli, cache_folder: Path, tmp_path: Path, cpython_version: str
) -> None:
    """All may read, which needs a token, too; a push needs credentials."""
    login = {"JITBUILD_REGISTRY_USER": USER, "JITBUILD_REGISTRY_PASSWORD": PASSWORD}
    with (
        running_token_service(tmp_path) as service,
        running_registry(cache_folder, tmp_path / "server", auth=service.configuration) as registry,
    ):
        push = ("push", cpython_version, registry.repository)
        refused = builder(*push, code=27)
        assert "refused an upload: HTTP 401" in refused.err
        assert "export" not in refused.err  # it was not packed first
        assert service.granted == ["pull"]
        known = Cli(builder.home, builder.extra | login)
        outputs = [known(*push), known("push", "--stencils", registry.repository)]
        assert "pull,push" in service.granted
        outputs.append(machine("pull", cpython_version, "--registry", registry.repository))
        assert service.granted[-1] == "pull"
        wrong = Cli(builder.home, builder.extra | login | {"JITBUILD_REGISTRY_PASSWORD": "other"})
        outputs.append(wrong(*push, code=27))
        assert "refused the credentials" in outputs[-1].err
    for each in outputs:
        assert PASSWORD not in each.out + each.err


@pytest.mark.parametrize(
    ("name", "number"), [("SIGKILL", 1), ("SIGKILL", 4), ("SIGKILL", 6), ("SIGINT", 4)]
)
def test_an_interrupted_push_can_be_repeated(
    pushed: dict,
    builder: Cli,
    machine: Cli,
    registry: Registry,
    cpython_version: str,
    name: str,
    number: int,
) -> None:
    """The push is ended after the request `number`: the first, before the upload, and after it."""
    repository = f"{registry.repository}-{name.lower()}-{number}"
    path = repository.partition("/")[2]
    scratch = builder.leftovers()
    started = builder.start("push", cpython_version, repository, "--json")
    wait_until(lambda: len(registry.requests(path)) >= number, f"{number} requests are answered")
    started.send_signal(signal.Signals[name])
    _, err = started.communicate()
    if name == "SIGINT":
        # The other two: the push had ended before, and Python was about to end.
        assert started.returncode in {130, 0, -signal.SIGINT}, err
        assert "Traceback" not in err
        assert builder.leftovers() == scratch
    pull = machine("pull", cpython_version, "--registry", repository, code=None)
    assert pull.code in {0, 21}  # whole, or not there
    (again,) = builder("push", cpython_version, repository, "--json").json()
    assert again["digest"] == pushed["digest"]
    machine("pull", cpython_version, "--registry", repository)


@pytest.mark.parametrize("stage", ["Downloading", "unpack", "probe"])
def test_a_killed_pull_leaves_nothing_and_can_be_repeated(
    pushed: dict, machine: Cli, cpython_version: str, stage: str
) -> None:
    started = machine.start("pull", cpython_version)
    started.wait_for_line(stage)
    started.kill()
    started.wait()
    # A signal at the end of the command may come after the interpreter was stored.
    for interpreter in machine("list", "--json").json():
        assert interpreter["state"] == "proven"
        machine("uninstall", interpreter["name"])
    machine("pull", cpython_version)
    assert len(machine.leftovers()) == 1  # the interpreter; no scratch


def test_a_pull_takes_two_requests_and_a_push_few(
    pushed: dict, builder: Cli, machine: Cli, registry: Registry, cpython_version: str
) -> None:
    before = len(registry.requests())
    machine("pull", cpython_version)
    assert len(registry.requests()) - before == 2
    builder("push", cpython_version, f"{registry.repository}-new")
    methods = [re.split(r"\W+", each)[0] for each in registry.requests("team/jitbuild-new")]
    assert sorted(methods) == ["GET", "GET", "HEAD", "POST", "POST", "PUT", "PUT", "PUT", "PUT"]
