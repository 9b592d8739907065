"""Every snippet of README.md and docs/ runs as printed, on a machine of its own.

tests/snippets.py lists the snippets, and those that other tests check. The interpreters are those
of Debian and one that an earlier test built, so `jitbuild install` finds them in the store.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cli import Cli
from snippet_machine import ROOT, Machine, commands_of, plain

from jitbuild.cli.install import summary
from jitbuild.store.store import Store
from snippets import REAL, Block, all_blocks, checks_of

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("builds")]

_FILE = re.compile(r"`([\w/.-]+\.\w+)`:$")
_TIME = re.compile(r"(\d+ min )?[\d.]+ m?s\b( \[[^\]]*cached\])?")
BLOCKS = [block for block in all_blocks() if any(check.where == REAL for check in checks_of(block))]


def blocks_of(page: str) -> list[Block]:
    return [block for block in BLOCKS if block.page == page]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, debian_pythons: dict[str, Path]) -> Machine:
    """Return a machine with CPython 3.14 and 3.15 with the JIT on PATH and in the store."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.set_up()
    cli = Cli(machine.store)
    for series, python in debian_pythons.items():
        (machine.folder / "bin").mkdir(exist_ok=True)
        (machine.folder / "bin" / f"python{series}").symlink_to(python)
        cli("adopt", python)
    machine = Machine(machine.folder, (machine.folder / "bin",))
    tools = machine.with_venv("tools")
    tools.shell("python -m pip install --quiet uv", machine.folder)
    for name in ("uv", "uvx"):
        (machine.folder / "bin" / name).symlink_to(machine.folder / "tools/bin" / name)
    return machine


@pytest.fixture(scope="module")
def installed(machine: Machine) -> Machine:
    """Return the machine after the first command of the README, `pip install .`."""
    machine = machine.with_venv("venv")
    machine.run(blocks_of("README.md")[0].text.splitlines()[0], machine.clone)
    return machine


@dataclass
class Page:
    """Plays the blocks of a page in a folder.

    A block after a line such as "`tests/test_x.py`:" is written to that file. Otherwise, a console
    block is run, a noxfile is written, and any other Python code is run. `before` and `after` have
    functions by names of blocks without the page; `folders` has the folders of blocks that do not
    run in the project.
    """

    name: str
    machine: Machine
    folder: Path
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    after: dict[str, Callable[[list[str]], None]] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def play(self) -> None:
        blocks = blocks_of(self.name)
        names = {block.name.partition(": ")[2] for block in blocks}
        assert names >= {*self.before, *self.after, *self.folders}
        for block in blocks:
            name = block.name.partition(": ")[2]
            if name in self.before:
                self.before[name]()
            outputs = self._play(block, self.folders.get(name, self.folder))
            if name in self.after:
                self.after[name](outputs)

    def _play(self, block: Block, folder: Path) -> list[str]:
        if file := _FILE.search(block.before):
            _write(folder / file[1], block.text)
        elif block.language == "console":
            return self.machine.run(block.text, folder, **self.env)
        elif block.language == "python" and "import jitbuild.nox" in block.text:
            _write(folder / "noxfile.py", block.text)
        elif block.language == "python":
            _write(folder / "snippet.py", block.text)
            return [self.machine.shell("python snippet.py", folder, **self.env)]
        elif block.language == "toml":
            with (folder / "pyproject.toml").open("a") as file:
                file.write(block.text)
        elif block.language == "yaml":
            steps = re.findall(r"^- run: (.*)", block.text, re.MULTILINE)
            return [self.machine.shell(step, folder, **self.env) for step in steps]
        return []


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def python_without_the_jit() -> Path | None:
    """Return a CPython 3.13 without the JIT: that of these tests, or one of pyenv."""
    if sys.version_info[:2] == (3, 13):
        return Path(sys.executable).resolve()
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    return next(root.glob("versions/3.13*/bin/python3.13"), None)


def test_the_readme(
    installed: Machine, install_cli: Cli, built_interpreters: Path, cpython_version: str
) -> None:
    """The store has the interpreters that `jitbuild install` would build in some minutes."""
    if cpython_version != "3.13.15":
        pytest.skip("the README installs 3.13.15, whose archive is not available")
    without_jit = python_without_the_jit()
    if without_jit is None:
        pytest.skip("needs a CPython 3.13 without the JIT")
    if not built_interpreters.exists():
        install_cli("install", "3.13.15", "--jit", "yes-off,interpreter")
        shutil.copytree(install_cli.home / "interpreters", built_interpreters, symlinks=True)
    shutil.copytree(
        built_interpreters, installed.store / "interpreters", symlinks=True, dirs_exist_ok=True
    )
    (installed.folder / "bin/python3.13").unlink(missing_ok=True)
    (installed.folder / "bin/python3.13").symlink_to(without_jit)
    project = installed.project("readme")
    first, output, *_ = blocks_of("README.md")

    def check_summary(outputs: list[str]) -> None:
        """Compare the summary of a build, which `install` does not print again, and the path."""
        (built,) = [
            each for each in Store(installed.store).installed() if "3.13.15-jit" in each.name
        ]
        printed = f"{summary(built)}\n{built.executable}\n"
        assert _summary(output.text) == _summary(printed), printed
        assert f"\n{built.executable}\n" in outputs[1]

    def run_nox(_: list[str]) -> None:
        out = installed.shell("nox --nocolor", project)
        assert len(re.findall(r"\* tests\(3\.1[45]-jit-(?:off|on)\): success", out)) == 4
        assert out.count("small: 1 of 1 code objects got machine code") == 2

    Page(
        "README.md",
        installed,
        project,
        before={"A tour: console": lambda: _noxfile_settings(project)},
        after={first.name.partition(": ")[2]: check_summary, "A tour: python": run_nox},
        folders={
            "jitbuild: console": installed.clone,
            "jitbuild: console 2": installed.clone,
        },
        # The suite cannot run inside itself, so `uvx nox` runs one of its sessions. uv would take
        # the newest Python on PATH for it, which is Debian's without ensurepip.
        env={"NOXSESSION": "wheel", "UV_PYTHON": os.path.realpath(sys.executable)},
    ).play()


def _summary(text: str) -> str:
    """Return the summary of a build without its times, and without the folder of the home."""
    return re.sub(r"waiting TIME, ", "", " ".join(_TIME.sub("TIME", plain(text)).split()))


def _noxfile_settings(project: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('[tool.jitbuild]\npythons = ["3.15"]\nmodes = ["off", "on"]\n')


def test_bench(installed: Machine) -> None:
    project = installed.project("bench")

    def newest_files() -> None:
        files = max(installed.store.glob("measurements/*/off.json"), key=os.path.getmtime)
        for name in ("off.json", "on.json"):
            shutil.copy(files.with_name(name), project)

    def report() -> None:
        if not has_browser():
            pytest.skip("needs a Chromium on PATH")
        words = "--benchmarks float_loop,nbody --rounds 3 --html"
        installed.shell(f"jitbuild bench 3.15 {words} report.html", installed.clone)

    Page(
        "docs/bench.md",
        installed,
        project,
        before={"Files: console": newest_files, "The page: console": report},
        folders={"The page: console": installed.clone},
    ).play()


def has_browser() -> bool:
    """Return True if one of the browsers that benchmarks/picture.py starts is on PATH."""
    spec = importlib.util.spec_from_file_location("browser", ROOT / "benchmarks/browser.py")
    assert spec is not None
    assert spec.loader is not None
    browser = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(browser)
    return browser.find() is not None


def test_caches(installed: Machine) -> None:
    def check_settings(_: list[str]) -> None:
        (block,) = [block for block in blocks_of("docs/caches.md") if "Sharing" in block.heading]
        settings = [command.text for command in commands_of(block.text) if command.text[0] != "#"]
        for setting in settings:
            storage = setting.partition("=")[2].strip("'")
            storage = storage.rpartition("@")[2]  # the password is not printed
            assert storage in installed.shell(f"{setting}\njitbuild config", installed.folder)
        assert len(settings) == 3

    Page(
        "docs/caches.md",
        installed,
        installed.project("caches"),
        after={"Sharing between machines: console": check_settings},
    ).play()


def test_ci_files(installed: Machine) -> None:
    project = installed.project("ci")

    def check(name: str, language: str) -> Callable[[list[str]], None]:
        def is_printed(_: list[str]) -> None:
            text = (project / name).read_text()
            assert text in [block.text for block in all_blocks() if block.language == language]

        return is_printed

    Page(
        "docs/ci.md",
        installed,
        project,
        after={
            "GitHub: console": check(".github/workflows/jit.yml", "yaml"),
            "GitLab: console": check(".gitlab-ci.yml", "yaml"),
        },
    ).play()


def test_diff(installed: Machine) -> None:
    Page("docs/diff.md", installed, installed.project("diff")).play()


def test_nox(machine: Machine) -> None:
    """The page begins with the installation of jitbuild in a new environment."""
    Page("docs/nox.md", machine.with_venv("nox"), machine.project("nox-project")).play()


def test_pytest(installed: Machine, debian_pythons: dict[str, Path]) -> None:
    """The commands run in a new environment of CPython 3.15, in the project of the page."""
    active = installed.with_venv("pytest", debian_pythons["3.15"])
    project = installed.folder / "pytest-project"
    (project / "tests").mkdir(parents=True, exist_ok=True)
    (project / "tests/test_nothing.py").write_text("def test_nothing():\n    pass\n")
    Page(
        "docs/pytest.md",
        active,
        project,
        before={
            "pytest: did the suite run with the JIT?: console 2": (
                project / "tests/test_nothing.py"
            ).unlink
        },
    ).play()


def test_the_options_of_the_measurements_of_performance_exist(installed: Machine) -> None:
    """`--help` after them prints the help only if the options before it are valid."""
    (block,) = blocks_of("docs/performance.md")
    commands = [command.text for command in commands_of(block.text) if command.text[0] != "#"]
    for command in commands:
        assert "usage: " in installed.shell(f"{command} --help", installed.clone)
    assert len(commands) == 7


def test_the_excerpts_of_recipes_are_read(installed: Machine) -> None:
    for number, block in enumerate(blocks_of("docs/recipes.md")):
        prebuilt = block.text.startswith("[[archive]]")
        folder = installed.folder / f"recipes-{number}"
        _write(
            folder / ("prebuilt.toml" if prebuilt else "cpython-3.15.toml"),
            re.sub(r'"[0-9a-f]*\.\.\."', f'"{"5" * 64}"', block.text),
        )
        options = f"--recipes {folder} --json"
        if issues := re.findall(r'^issue = "(.*)"', block.text, re.MULTILINE):
            assert issues[0] in installed.shell(f"jitbuild bugs 3.15 {options}", installed.folder)
            continue
        version, *_ = re.findall(r'^version = "(.*)"', block.text, re.MULTILINE)
        plan = f"jitbuild plan {version} {options} --platform x86_64-linux-gnu"
        shown = installed.shell(f"{plan}{' --prebuilt' * prebuilt}", installed.folder)
        assert f'"{"5" * 64}"' in shown


def every_page() -> Iterator[str]:
    return iter(dict.fromkeys(block.page for block in BLOCKS))


def test_every_page_is_played() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [page for page in every_page() if f'"{page}"' not in text] == []
