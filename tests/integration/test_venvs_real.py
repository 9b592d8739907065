"""Real virtualenv and pip with settings of the user that would leave an environment empty."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitbuild.running import venvs
from jitbuild.store.store import Store
from jitbuild.system.progress import SilentReporter

pytestmark = pytest.mark.integration

BASE: Any = SimpleNamespace(
    name="base",
    instance="1",
    executable=Path(sys.executable),
    version=".".join(map(str, sys.version_info[:3])),
)
Prepare = Callable[[], Path]


def _wheel(folder: Path, version: str) -> Path:
    path = folder / f"jitbuild_demo-{version}-py3-none-any.whl"
    info = f"jitbuild_demo-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("jitbuild_demo.py", f"version = {version!r}\n")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: jitbuild-demo\nVersion: {version}\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path) -> str:
    """Return the URL of an index with two releases of one package."""
    folder = tmp_path / "simple" / "jitbuild-demo"
    folder.mkdir(parents=True)
    wheels = [_wheel(folder, version) for version in ("1.0", "2.0")]
    links = "".join(f'<a href="{wheel.name}">{wheel.name}</a>\n' for wheel in wheels)
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    return (tmp_path / "simple").as_uri()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder of its own, with no variable of pip and virtualenv set."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "VIRTUALENV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "me" / name.lower()))
    return tmp_path / "me"


@pytest.fixture
def prepare(tmp_path: Path, home: Path) -> Prepare:
    """Return a function that makes an environment with jitbuild-demo and returns its Python."""

    def prepare() -> Path:
        requirements = venvs.Requirements(["jitbuild-demo"])
        store, reporter = Store(tmp_path / "store"), SilentReporter()
        with venvs.prepare(store, BASE, requirements, reporter=reporter) as python:
            return python

    return prepare


def _installed(python: Path) -> str:
    """Return the version of jitbuild-demo that `python` imports, in an environment of its own."""
    code = "import jitbuild_demo; print(jitbuild_demo.version)"
    return subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_variables_that_move_packages_or_replace_pip_do_not_empty_an_environment(
    prepare: Prepare, index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    names = ("TARGET", "PREFIX", "ROOT", "REPORT", "SRC", "LOG", "REQUIREMENT", "PYTHON")
    flags = ("USER", "DRY_RUN", "REQUIRE_VIRTUALENV", "NO_DEPS", "IGNORE_INSTALLED", "QUIET")
    harmful = {
        **{f"PIP_{name}": elsewhere for name in names},
        **{f"PIP_{name}": "1" for name in flags},
        "PIP_PLATFORM": "win32",
        "VIRTUALENV_NO_PIP": "1",
        "VIRTUALENV_SYSTEM_SITE_PACKAGES": "1",
        "VIRTUALENV_CREATOR": "venv",
        "PYTHONUSERBASE": elsewhere,
    }
    for name, value in {**harmful, "PIP_INDEX_URL": index}.items():
        monkeypatch.setenv(name, value)
    python = prepare()
    assert _installed(python) == "2.0"
    assert "include-system-site-packages = false" in (python.parents[1] / "pyvenv.cfg").read_text()
    assert not Path(elsewhere).exists()


def test_files_that_move_packages_do_not_empty_an_environment_and_their_index_applies(
    prepare: Prepare, index: str, home: Path, tmp_path: Path
) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("jitbuild-demo<2\n")
    _write(
        home / ".pip" / "pip.conf",  # read on every system but Windows
        f"[global]\nindex-url = {index}\nconstraint = {constraints}\nquiet = 3\n"
        f"[install]\ntarget = {tmp_path / 'elsewhere'}\ndry-run = true\n",
    )
    _write(home / "xdg_config_home" / "virtualenv" / "virtualenv.ini", "[virtualenv]\nno-pip = 1\n")
    assert _installed(prepare()) == "1.0"
    assert not (tmp_path / "elsewhere").exists()


def test_files_override_each_other_as_in_pip_and_not_by_their_names(
    prepare: Prepare, index: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In alphabetical order, the file that wins would be read first."""
    text = "[global]\nquiet = 3\nindex-url = "
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    _write(home / ".config" / "pip" / "pip.conf", f"{text}{index}\n")
    _write(home / ".pip" / "pip.conf", f"{text}file:///nowhere\n")
    assert _installed(prepare()) == "2.0"


def test_the_file_of_pip_config_file_overrides_that_of_the_system(
    prepare: Prepare, index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    _write(tmp_path / "system" / "pip" / "pip.conf", "[global]\nindex-url = file:///nowhere\n")
    _write(tmp_path / "a.conf", f"[global]\nindex-url = {index}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "a.conf"))
    assert _installed(prepare()) == "2.0"
