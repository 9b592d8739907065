"""With -q, a command that succeeds prints only its result, and nothing on stderr."""

from __future__ import annotations

import pytest
import stores
from cli_fixtures import fill, put

from jitbuild.cli.commands import COMMANDS

pytestmark = pytest.mark.usefixtures("home", "complete")

# The result on stdout, if it is known word by word; None for any text.
COMMANDS_HERE: dict[tuple[str, ...], str | None] = {
    ("install", "3.15"): "PATH\n",
    ("list",): None,
    ("which", "3.15"): "PATH\n",
    ("uninstall", "3.15.2"): "",
    ("plan", "3.15t"): None,
    ("recipes", "3.15"): None,
    ("bugs", "3.15"): None,
    ("config",): None,
    ("cache",): None,
    ("cache", "clear"): "",
    ("repair",): "",
    ("prune",): "",
    ("prune", "--caches", "-n"): "",
    ("matrix", "--pythons", "3.14t", "--os", "linux"): None,
    ("ci", "key", "--pythons", "3.15"): None,
}
# These start processes: tests/integration/test_names_real.py.
IN_PROCESSES = {"adopt", "run", "diff", "bench", "doctor", "probe"}
# These write and read files: test_cli_export.py.
WITH_FILES = {"export", "import"}
# These use the network: tests/integration/test_registry_real.py.
IN_NETWORK = {"push", "pull", "lock"}


def test_every_command_is_walked():
    elsewhere = IN_PROCESSES | WITH_FILES | IN_NETWORK
    assert {words[0] for words in COMMANDS_HERE} | elsewhere == set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS_HERE)
def test_a_quiet_command_prints_only_its_result(run, store, words):
    put(store, "old", "3.15.0")
    path = stores.put(store).executable
    fill(store, "ccache", "sources")
    code, out, err = run(*words, "-q")
    assert (code, err) == (0, "")
    expected = COMMANDS_HERE[words]
    if expected is None:
        assert out
    else:
        assert out == expected.replace("PATH", str(path))


def test_a_quiet_config_has_only_the_settings(run):
    assert "belong in" in run("config")[1]
    assert "The store is" in run("config")[1]
    out = run("config", "-q")[1]
    assert "belong in" not in out
    assert "The store is" not in out
    assert out.startswith("home ")
