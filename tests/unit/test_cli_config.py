"""`jitbuild config`."""

import json
import re

import pytest

from jitbuild.settings import KNOWN

pytestmark = pytest.mark.usefixtures("home")


def test_each_setting_is_printed_with_its_origin_in_aligned_columns(run, home, monkeypatch):
    monkeypatch.setenv("JITBUILD_JOBS", "3")
    code, out, err = run("config")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()[: len(KNOWN)]}
    assert lines["jobs"].split() == ["jobs", "3", "JITBUILD_JOBS"]
    assert re.split("  +", lines["mirror"])[1:] == ["not set", KNOWN["mirror"]]
    columns = {lines[name].index("not set") for name in ("mirror", "ccache-storage")}
    assert columns == {lines["jobs"].index("3")}
    assert f"The store is {home}" in out
    shown = json.loads(run("config", "--json")[1])
    assert set(shown) == set(KNOWN)
    assert shown["jobs"] == {"value": "3", "origin": "JITBUILD_JOBS"}
    assert shown["mirror"] is None
