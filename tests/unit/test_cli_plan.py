"""`jitbuild plan`."""

import json

import pytest
import stores
from cli_fixtures import put

from jitbuild import target
from jitbuild.errors import RecipeError, RequestError, UsageError, VariantError

PIN = "a" * 64

pytestmark = pytest.mark.usefixtures("home")


def test_the_text_names_the_source_the_llvm_and_every_step(run):
    code, out, err = run("plan", "3.15.2", "--platform", "x86_64-linux-gnu")
    assert (code, err) == (0, "")
    assert out.startswith("cpython-3.15.2-jit-fast  for x86_64-linux-gnu\n")
    assert (
        "  source  https://www.python.org/ftp/python/3.15.2/Python-3.15.2.tar.xz\n"
        "          sha256 8b5536d2" in out
    )
    assert "  llvm    21: clang, " in out
    assert "--enable-experimental-jit=yes-off" in out
    assert "  configure\n" in out
    assert "      OPT='-O3 -Wall'\n" in out


def test_a_release_without_a_pin_is_planned_and_the_plan_says_what_is_missing(
    run, store, tmp_path, monkeypatch
):
    (tmp_path / "cpython-3.15.toml").write_text(
        'series = "3.15"\n[[unpinned]]\nversion = "3.15.99"\nreason = "It is new."\n'
    )
    monkeypatch.setenv("JITBUILD_RECIPES", str(tmp_path))
    code, out, err = run("plan", "3.15.99", "--platform", "x86_64-linux-gnu")
    assert code == 0
    assert out.startswith(
        "cpython-3.15.99-jit-fast  for x86_64-linux-gnu\n"
        "  key     not known: it depends on the sha256 of the source\n"
        "  source  https://www.python.org/ftp/python/3.15.99/Python-3.15.99.tar.xz\n"
        "          sha256 not known\n"
        "  llvm    21: "
    )
    assert err == (
        "CPython 3.15.99 exists, but the recipes do not have the sha256 of its archive. It is new. "
        "Get the sha256 from python.org: `jitbuild recipes update`. Or give that of "
        "Python-3.15.99.tar.xz with --sha256.\n"
    )
    code, out, err = run("plan", "3.15.99", "--platform", "x86_64-linux-gnu", "--sha256", PIN)
    assert (code, err) == (0, "")
    assert f"sha256 {PIN}" in out
    name = put(store, "built by hand", "3.15.99").name
    notes = run("plan", "3.15.99")[2].splitlines()
    assert notes[1] == f"{name} in the store fits 3.15.99, so `jitbuild install` uses it."


def test_the_text_has_the_warnings_and_the_origin_of_the_llvm(run):
    assert (
        "  warning: 3.15.0 has 4 known JIT bugs (gh-"
        in run("plan", "3.15.0", "--platform", "x86_64-linux-gnu")[1]
    )
    assert "(fetched by the build itself)" in run("plan", "3.15.2", "--platform", "x64-windows")[1]
    assert "  llvm " not in run("plan", "3.15.2", "--platform", "x64-windows", "--jit", "no")[1]


@pytest.mark.parametrize("platform", ["x86_64-linux-gnu", "aarch64-macos", "x86_64-windows"])
def test_the_json_has_its_documented_shape(run, platform):
    plan = json.loads(run("plan", "3.15.0b2", "--platform", platform, "--json")[1])
    assert set(plan) == {
        "name",
        "key",
        "version",
        "target",
        "variant",
        "provider",
        "provider_reason",
        "prebuilt",
        "source",
        "llvm",
        "edits",
        "leave_out",
        "steps",
        "warnings",
        "known_bugs",
    }
    assert plan["target"] == platform
    assert set(plan["source"]) == {"kind", "url", "sha256", "digest", "unpinned"}
    assert set(plan["llvm"]) == {"major", "tools", "bundled"}
    assert plan["steps"]
    for step in plan["steps"]:
        assert set(step) == {"name", "argv", "env", "cwd"}


def test_the_plan_tells_why_the_provider_auto_compiles(run):
    words = ("plan", "3.15.2", "--platform", "x86_64-linux-gnu", "--provider", "auto")
    assert json.loads(run(*words, "--json")[1])["provider_reason"] == ""
    reason = "No prebuilt interpreter fits 3.15.2: --profile debug is given."
    code, out, err = run(*words, "--profile", "debug")
    assert (code, err) == (0, "")
    assert f"  note: compiled (--provider auto). {reason}\n" in out
    plan = json.loads(run(*words, "--profile", "debug", "--json")[1])
    assert (plan["provider"], plan["provider_reason"]) == ("source", reason)
    stated = json.loads(run(*words[:-2], "--profile", "debug", "--json")[1])
    assert (stated["key"], stated["provider_reason"]) == (plan["key"], "")


def test_an_impossible_plan_gives_the_exit_code_of_its_error(run):
    assert run("plan", "3.15t", "--jit", "yes")[0] == VariantError.exit_code
    assert run("plan", "3.15.77")[0] == RequestError.exit_code
    assert run("plan", "3.15", "--recipes", "none")[0] == RecipeError.exit_code
    assert run("plan", "3.15", "--sha256", PIN)[0] == UsageError.exit_code


def test_several_requests_are_planned_one_after_the_other(run):
    one, other = (run("plan", spec)[1] for spec in ("3.14", "3.15"))
    for words in (["3.14,3.15"], ["3.14", "3.15"]):
        assert run("plan", *words) == (0, f"{one}\n{other}", "")
    plans = json.loads(run("plan", "3.14,3.15", "--json")[1])
    assert plans == [json.loads(run("plan", spec, "--json")[1]) for spec in ("3.14", "3.15")]
    code, _, err = run("plan", "3.14,3.15", "--sha256", PIN)
    assert (code, "--sha256 belongs to one release." in err) == (2, True)


def test_a_note_names_the_interpreter_that_install_would_use_instead(run, store):
    plain = run("plan", "3.15")
    put(store, "a", "3.15.0")
    code, out, err = run("plan", "3.15")
    assert (code, out) == plain[:2]
    assert err == (
        "a in the store fits 3.15, so `jitbuild install` uses it. It carries out this plan only "
        "with --upgrade.\n"
    )
    assert run("plan", "3.15", "-q") == (0, out, "")
    other = {"x86_64-linux-gnu", "aarch64-macos"} - {str(target.host().target)}
    assert run("plan", "3.15", "--platform", other.pop())[2] == ""


def test_a_note_says_if_the_store_has_the_planned_interpreter(run, store):
    plan = json.loads(run("plan", "3.15", "--json")[1])
    stores.put(store, plan["version"], name="a", key=plan["key"])
    err = run("plan", "3.15")[2]
    assert err == "a is already in the store, so `jitbuild install` builds nothing.\n"
