"""No command prints or records a secret that is in a setting, a request or a variable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import LONGEST

from jitbuild.cli.commands import COMMANDS as ALL_COMMANDS
from jitbuild.cli.main import main
from jitbuild.settings import KNOWN, variable_of

pytestmark = pytest.mark.integration

USER = "https://bob:hunter2@127.0.0.1:9/x"
QUERY = "https://127.0.0.1:9/x?whatever=hunter2"
REQUESTS = [
    f"git+{USER}@main",
    f"git+{QUERY}@main",
    "git+ssh://git:hunter2@127.0.0.1:9/x@main",
    "git+https://bob:a/hunter2@127.0.0.1/x",
    "git+https://hunter2@127.0.0.1",
    "git+bob:hunter2@127.0.0.1:x",
    f"{USER}/Python-3.15.2.tar.xz",
    f"{QUERY}&x=Python-3.15.2.tar.xz",
    "bob:hunter2@127.0.0.1",
]
# Every command that takes a request, with the words around it.
COMMANDS = [
    ["which", "{}"],
    ["run", "{}", "--", "python"],
    ["plan", "{}"],
    ["probe", "{}"],
    ["doctor", "{}"],
    ["uninstall", "{}"],
    ["repair", "{}"],
    ["adopt", "{}"],
    ["export", "{}"],
    ["export", "3.15", "{}"],
    ["import", "{}"],
    ["import", "x", "--sha256", "{}"],
    ["bugs", "{}"],
    ["recipes", "{}"],
    ["recipes", "check", "{}"],
    ["push", "{}", "127.0.0.1:9/x"],
    ["push", "3.15", "{}"],
    ["pull", "{}", "--registry", "127.0.0.1:9/x"],
    ["pull", "3.15", "--registry", "{}"],
    ["lock", "{}", "--registry", "127.0.0.1:9/x"],
    ["lock", "3.15", "--registry", "{}"],
    ["diff", "{}", "--", "python"],
    ["bench", "{}", "--", "python"],
    ["bench", "compare", "{}", "{}"],
    ["cache", "clear", "{}"],
    ["prune", "--keep", "{}"],
    ["matrix", "--pythons", "{}"],
    ["ci", "key", "{}"],
    ["list"],
    ["config"],
    ["cache"],
    ["{}"],
    ["which", "3.15", "--recipes", "{}"],
    ["which", "3.15", "--jit", "{}"],
    ["install", "3.15", "--mirror", "ftp://bob:hunter2@127.0.0.1/x"],
    ["install", "3.15", "--sha256", "{}"],
    ["install", "3.15", "--llvm", "{}"],
]


@pytest.fixture(scope="module")
def home(tmp_path_factory, debian_pythons):
    """A store with an adopted interpreter."""
    home = tmp_path_factory.mktemp("home")
    argv = [sys.executable, "-m", "jitbuild", "adopt", str(debian_pythons["3.15"])]
    subprocess.run(argv, check=True, capture_output=True, env={**os.environ, "JITBUILD_HOME": home})
    return home


@pytest.fixture
def seeded(home, tmp_path, monkeypatch):
    """Secrets in the settings, and in variables that programs use for addresses and tokens."""
    for name in KNOWN:
        monkeypatch.delenv(variable_of(name), raising=False)
    monkeypatch.setenv("JITBUILD_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv(variable_of("mirror"), USER)
    monkeypatch.setenv(variable_of("ccache-storage"), "redis://:hunter2@127.0.0.1|token=hunter2")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "PIP_INDEX_URL", "PIP_PROXY"):
        monkeypatch.setenv(name, "http://bob:hunter2@127.0.0.1:9")
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "AWS_SECRET_ACCESS_KEY", "TWINE_PASSWORD"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.chdir(tmp_path)
    return home


@pytest.fixture
def run(seeded, capfd):
    """Run a command line in this process; return its exit code, and all that was printed."""

    def run(words):
        code = main(words)
        return code, "".join(capfd.readouterr())

    return run


def leaks(folder):
    """Return the files below a folder whose name or content has the secret."""
    paths = list(Path(folder).rglob("*"))
    return [path for path in paths if "hunter2" in path.name] + [
        path for path in paths if path.is_file() and b"hunter2" in path.read_bytes()
    ]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_shows_or_records_a_secret(run, home, tmp_path, words):
    requests = REQUESTS if any("{}" in word for word in words) else [""]
    for request in requests:
        filled = [word.format(request) for word in words]
        at = filled.index("--") if "--" in filled else len(filled)
        for option in ([], ["--json"], ["-v"]):
            code, printed = run([*filled[:at], *option, *filled[at:]])
            assert "hunter2" not in printed, (filled, printed)
            assert code != 70, printed
    assert leaks(tmp_path) == []
    assert leaks(home) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "3.15", "--", "python", "-c", "pass"], 0),
        (["diff", "3.15", "--json", "--", "python", "-c", "print(1)"], 0),
        (["diff", "3.15", "--with", f"x @ {USER}/x.whl", "--", "python", "-c", "pass"], 15),
        (["bench", "3.15", "--rounds", "3", "--", "python", "-c", "pass"], None),
        (["plan", "3.15"], 0),
        (["matrix", "--pythons", "3.15", "--json"], 0),
        (["list", "--json"], 0),
        # Both the archive and the wheels come from servers that cannot be reached.
        (["-v", "install", "3.13.15", "--llvm", "managed"], None),
        (["-v", "install", f"git+{USER}@main"], 7),
        (["-v", "install", f"git+{QUERY}@main"], 7),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_command_in_a_process_shows_and_records_no_secret(seeded, tmp_path, words, code):
    done = subprocess.run(
        [sys.executable, "-m", "jitbuild", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert "hunter2" not in done.stdout + done.stderr
    assert code is None or done.returncode == code, done.stderr
    assert done.returncode != 70, done.stderr
    assert leaks(tmp_path) == []
    assert leaks(seeded) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["bench", "3.15", "--rounds", "3", "--inspect", "--html", "page", "--svg", "chart"], 0),
        (["bench", "3.15", "--rounds", "3", "--output", "files", "--json"], 0),
        (["bench", "3.15", "--rounds", "no-number"], 2),
        (["diff", "3.15", "--repeat", "1", "--keep", "logs"], 0),
        (["diff", "3.15", "--repeat", "1", "--json"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_no_secret_in_the_measured_command_is_shown_or_recorded(home, tmp_path, words, code):
    env = {**os.environ, "JITBUILD_HOME": home, "GITHUB_STEP_SUMMARY": tmp_path / "summary"}
    command = ["python", "-c", "pass", f"{USER}?access_token=hunter2"]
    done = subprocess.run(
        [sys.executable, "-m", "jitbuild", *words, "--", *command],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=env,
    )
    assert done.returncode == code, done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert leaks(tmp_path) == []
    assert leaks(home) == []


@pytest.mark.parametrize(
    "name", ["mirror", "ccache-storage", "registry", "recipes", "llvm", "jobs", "jit"]
)
def test_config_shows_no_secret_of_any_setting(run, monkeypatch, name):
    values = [USER, "redis://:hunter2@h"]
    if name in {"mirror", "ccache-storage", "registry"}:
        values += ["bob:hunter2@h/x", "http://h|token=hunter2 http://h?x=hunter2"]
    for value in values:
        monkeypatch.setenv(variable_of(name), value)
        for words in (["config"], ["config", "--json"]):
            assert "hunter2" not in run(words)[1]


def test_a_traceback_shows_no_secret(run, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError(f"cannot read {USER} or https://h/?whatever=hunter2")

    monkeypatch.setattr("jitbuild.settings.get", broken)
    code, printed = run(["-v", "which", "3.15"])
    assert code == 70
    assert "Traceback" in printed
    assert "hunter2" not in printed


def test_every_command_is_tried():
    assert set(ALL_COMMANDS) - {words[0] for words in COMMANDS} == set()
