"""Environments for comparisons: their contents, when they are reused, and how they fail."""

import json
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitbuild.errors import BuildError, UsageError
from jitbuild.running import venvs
from jitbuild.running.dependency_groups import DependencyGroup
from jitbuild.store.store import Store
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter

BASE = SimpleNamespace(
    name="cpython-3.15.2",
    version="3.15.2",
    instance="i1",
    executable=Path("/store/bin/python3.15"),
)
TWO_DAYS = 2 * 24 * 60 * 60


class FakeInstaller:
    """A runner for virtualenv and pip: creates the interpreter's file, and fails where told to.

    `commands` are those that create and install, `environments` those of all commands. `settings`
    is what `pip config list` prints, `requested` what pip's report names, and `installed` are the
    packages that are in the environment afterwards.
    """

    def __init__(self):
        self.commands, self.environments, self.failing = [], [], ""
        self.settings, self.requested, self.items = "", (), []
        self.installed = ("pytest", "attrs", "pkg")

    def __call__(self, argv, /, *, env):
        self.environments.append(env)
        if "config" in argv:
            return self._completed(argv, "settings", stdout=self.settings)
        if "-I" in argv:
            return self._completed(argv, "list", stdout="\n".join(self.installed))
        self.commands.append(argv)
        name = "virtualenv" if "virtualenv" in argv else "pip"
        if name == "virtualenv":
            for place in ("bin/python", "Scripts/python.exe"):
                (Path(argv[-1]) / place).parent.mkdir(parents=True, exist_ok=True)
                (Path(argv[-1]) / place).touch()
        else:
            report = next(argument for argument in argv if argument.startswith("--report="))
            items = [{"requested": True, "metadata": {"name": name}} for name in self.requested]
            items.append({"requested": False, "metadata": {"name": "a-dependency"}})
            items += self.items
            Path(report.removeprefix("--report=")).write_text(json.dumps({"install": items}))
        return self._completed(argv, name)

    def _completed(self, argv, name, *, stdout=""):
        code = int(self.failing == name)
        return Completed(
            argv=tuple(argv),
            returncode=code,
            stdout=stdout,
            stderr="no matching distribution\n" * code,
        )


@pytest.fixture
def installer():
    return FakeInstaller()


@pytest.fixture
def prepare(tmp_path, installer):
    """Return a function that enters an environment once and returns its Python."""

    def prepare(packages=("pytest",), files=(), base=BASE, home="home", groups=(), **options):
        store = Store(tmp_path / home)
        with venvs.prepare(
            store,
            base,
            venvs.Requirements(packages, files, groups),
            reporter=options.pop("reporter", SilentReporter()),
            runner=installer,
            **options,
        ) as python:
            return python

    return prepare


def test_an_environment_is_created_once_and_reused(prepare, installer):
    first = prepare()
    assert [command[-1] for command in installer.commands] == [str(first.parents[1]), "pytest"]
    assert installer.commands[0][-2] == str(BASE.executable)
    assert installer.commands[1][0] == str(first)
    assert prepare() == first
    assert len(installer.commands) == 2


def test_other_builds_and_other_requirements_have_other_environments(prepare, tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("attrs\n")
    environments = {
        prepare(),
        prepare(base=SimpleNamespace(**{**vars(BASE), "instance": "i2"})),
        prepare(("pytest", "attrs")),
        prepare((), (requirements,)),
    }
    requirements.write_text("attrs>=2\n")
    assert len({*environments, prepare((), (requirements,))}) == 5


@pytest.mark.parametrize(
    "package", [".", "-e.", "./pkg[x]", "pkg.whl", "pkg @ https://example.org/pkg", "..\\pkg"]
)
def test_requirements_that_may_change_are_installed_each_time(prepare, installer, package):
    assert prepare((package,)) == prepare((package,))
    assert len(installer.commands) == 4


def test_an_editable_package_becomes_two_arguments_of_pip(prepare, installer, tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("attrs\n")
    prepare(("-e .", "pytest"), (requirements,))
    assert installer.commands[1][-5:] == ["-r", str(requirements), "-e", ".", "pytest"]


def test_an_environment_is_created_again_after_a_day(prepare, installer):
    created = time.time()
    prepare()
    prepare(clock=lambda: created + TWO_DAYS)
    assert len(installer.commands) == 4


def test_an_environment_is_created_again_after_the_store_was_moved(prepare, installer, tmp_path):
    prepare()
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    assert prepare(home="copy").is_relative_to(tmp_path / "copy")
    assert len(installer.commands) == 4
    assert prepare(home="copy")
    assert prepare()
    assert len(installer.commands) == 4


def test_packages_are_installed_with_the_jit_off_and_without_python_paths(
    prepare, installer, monkeypatch
):
    for name in ("PYTHON_JIT", "PYTHONPATH", "PYTHONHOME", "OTHER"):
        monkeypatch.setenv(name, "1")
    prepare()
    for env in installer.environments:
        assert (env["PYTHON_JIT"], env["OTHER"]) == ("0", "1")
        assert not {"PYTHONPATH", "PYTHONHOME"} & set(env)


def test_the_title_shortens_the_paths_of_files_in_the_store(prepare, tmp_path):
    titles = []

    class Titles(SilentReporter):
        def stage(self, title):
            titles.append(title)
            return super().stage(title)

    files = [
        tmp_path / "home/environments/0123456789abcdef/bench/requirements.txt",
        tmp_path / "mine.txt",
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("attrs\n")
    prepare(("pytest",), files, reporter=Titles())
    assert titles == [
        f"cpython-3.15.2: an environment with pytest bench/requirements.txt {files[1]}"
    ]


def test_settings_that_would_empty_the_environment_are_not_passed_on(
    prepare, installer, monkeypatch, tmp_path
):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "PIP_TARGET": "/elsewhere",
        "PIP_INDEX_URL": "https://index.example/",
        "VIRTUALENV_NO_PIP": "1",
        "VIRTUALENV_OVERRIDE_APP_DATA": "/cache",
        "PYTHONUSERBASE": "/elsewhere",
    }.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "pip.conf"
    file.write_text("[install]\nuser = true\n[global]\nproxy = http://proxy.example\n")
    installer.settings = f"For variant 'user', will try loading '{file}'\n"
    prepare()
    create, listing, install, _ = installer.environments
    assert create["VIRTUALENV_OVERRIDE_APP_DATA"] == "/cache"
    assert not Path(create["VIRTUALENV_CONFIG_FILE"]).exists()
    assert "VIRTUALENV_NO_PIP" not in create
    assert not {"PIP_TARGET", "PIP_INDEX_URL", "PYTHONUSERBASE"} & set(listing)
    assert {name: value for name, value in install.items() if name.startswith("PIP_")} == {
        "PIP_INDEX_URL": "https://index.example/",
        "PIP_PROXY": "http://proxy.example",
        "PIP_CONFIG_FILE": os.devnull,
    }


@pytest.mark.parametrize(
    ("packages", "requested", "missing"),
    [
        (("pytest", "Some.Package[x]>=2"), (), "some-package"),
        (("pkg @ https://example.org/pkg.whl", "other"), (), "other"),
        (("-e.", "./x"), ("My_Project",), "my-project"),
        (("one; python_version < '3'", "pytest"), (), ""),
        (("-e.",), ("PKG",), ""),
    ],
)
def test_an_environment_without_a_requirement_is_not_kept(
    prepare, installer, packages, requested, missing
):
    installer.requested = requested
    if not missing:
        assert prepare(packages)
        return
    with pytest.raises(BuildError, match=f"the environment has no {missing}") as caught:
        prepare(packages)
    assert "pip config list" in caught.value.remedy
    installer.installed = (*installer.installed, missing)
    installer.commands.clear()
    prepare(packages)
    assert len(installer.commands) == 2


def extra_item(**metadata):
    return {"requested": True, "requested_extras": ["tset"], "metadata": metadata}


@pytest.mark.parametrize(
    ("metadata", "message", "remedy"),
    [
        (
            {"provides_extra": ["docs", "Test"]},
            "pkg 1.0 has no extra `tset`. Its extras are: docs, test.",
            "Did you mean test? Correct the requirement.",
        ),
        ({}, "pkg 1.0 has no extra `tset`. It has no extras.", "Correct the requirement."),
    ],
)
def test_an_extra_that_does_not_exist_is_an_error(prepare, installer, metadata, message, remedy):
    installer.items = [extra_item(name="pkg", version="1.0", **metadata)]
    with pytest.raises(UsageError) as caught:
        prepare((".[tset]",))
    assert (caught.value.what, caught.value.remedy) == (message, remedy)


def test_the_names_of_extras_are_normalised(prepare, installer):
    installer.items = [extra_item(name="pkg", version="1.0", provides_extra=["TSET"])]
    assert prepare((".[tset]",))


def test_the_requirements_of_groups_are_installed(prepare, installer):
    groups = [DependencyGroup("test", ("pytest>=8", "attrs"))]
    titles = prepare((".",), groups=groups)
    assert installer.commands[1][-3:] == [".", "pytest>=8", "attrs"]
    assert titles != prepare((".",))


def test_requirements_are_stated_by_options():
    group = DependencyGroup("test", ("pytest",))
    stated = venvs.Requirements(["x"], [Path("r.txt")], [group])
    assert stated.options() == ["--with", "x", "--requirements", "r.txt", "--group", "test"]
    assert venvs.Requirements(groups=[group])
    assert not venvs.Requirements()


@pytest.mark.parametrize("program", ["virtualenv", "pip"])
def test_an_environment_that_fails_reports_the_output_and_is_not_reused(
    prepare, installer, program
):
    installer.failing = program
    with pytest.raises(BuildError, match=f"{program} failed with exit code 1") as caught:
        prepare()
    assert "no matching distribution" in caught.value.what
    installer.failing = ""
    installer.commands.clear()
    prepare()
    assert len(installer.commands) == 2


def test_a_requirements_file_that_cannot_be_read_is_a_usage_error(prepare, tmp_path):
    with pytest.raises(UsageError, match=r"none\.txt cannot be read"):
        prepare((), (tmp_path / "none.txt",))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match=r"binary\.txt cannot be read"):
        prepare((), (tmp_path / "binary.txt",))


@pytest.mark.skipif(os.name != "posix", reason="the path is that of POSIX")
def test_the_python_of_an_environment_lies_in_the_store(prepare, tmp_path):
    assert prepare().is_relative_to(tmp_path / "home" / "environments")


def test_the_failure_line_is_the_last_error_of_pip_else_the_last_line():
    output = (
        "  ERROR: Failed building wheel for greenlet\n"
        "  error: failed-wheel-build-for-install\n"
        "  ╰─> greenlet"
    )
    error = BuildError(f"The environment:\n{output}", remedy="x")
    assert venvs.failure_line(error) == "Failed building wheel for greenlet"
    error = BuildError("The environment:\n  no space", remedy="x")
    assert venvs.failure_line(error) == "no space"


@pytest.fixture
def share(tmp_path, installer):
    """Return a function that returns the context of an environment shared with other programs."""

    def share(packages=("pytest",), **options):
        return venvs.share(
            Store(tmp_path / "home"),
            BASE,
            venvs.Requirements(packages),
            reporter=SilentReporter(),
            runner=installer,
            **options,
        )

    return share


@pytest.mark.skipif(os.name != "posix", reason="there is no exec")
def test_programs_share_an_environment(share, prepare, installer):
    with share() as first, share() as second:
        assert first == second
    assert prepare() == first
    assert len(installer.commands) == 2


@pytest.mark.skipif(os.name != "posix", reason="there is no exec")
def test_a_shared_environment_that_may_change_is_created_again_for_each_program(share, installer):
    for _ in range(2):
        with share(("-e.",)):
            pass
    assert len(installer.commands) == 4


def test_on_windows_the_environment_is_locked_for_the_child(share, installer):
    with share(windows=True) as python:
        assert python.exists()
    assert len(installer.commands) == 2


def test_an_environment_has_the_pytest_plugin(prepare):
    folder = prepare().parents[1]
    assert (folder / "jitbuild-pytest-plugin/jitbuild/pytest_plugin.py").is_file()
