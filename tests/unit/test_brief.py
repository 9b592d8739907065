"""The short road of `which` and `run` answers what the general one does, or leaves it to that."""

import itertools
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jitbuild.cli import brief
from jitbuild.planning.plan import variant_json
from jitbuild.request import JITS, Axes, Patch, Variant, parse
from jitbuild.store import store as stores
from jitbuild.store.store import Store, fingerprint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the short road is POSIX's")

FAST = Variant()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def put(store, tmp_path):
    """Puts an interpreter into the store; `manifest` is what differs in its manifest."""
    numbers = itertools.count()

    def put(version, variant=FAST, /, *, adopted=False, **manifest):
        number = next(numbers)
        threads = "t" if variant.free_threaded else ""
        name = f"cpython-{version}{threads}-{variant.slug}-{number:08x}"
        program = tmp_path / f"python{number}"
        program.touch()
        facts = {
            "key": f"{number:064x}",
            "version": version,
            "adopted": adopted,
            "created": datetime(2026, 11, 1, 12, number, tzinfo=UTC),
            "executable": str(program) if adopted else "bin/python3",
            **({"fingerprint": fingerprint(program)} if adopted else {}),
            "variant": variant_json(variant),
            "source": {"kind": "release"},
            "verdict": {
                "ok": True,
                "checks": [{"name": "active", "ok": True, "detail": "ok = false"}],
            },
        }
        staged = tmp_path / f"staged{number}"
        (staged / "bin").mkdir(parents=True)
        (staged / "bin" / "python3").touch()
        return store.commit(staged, name, facts | manifest)

    return put


def general(store, spec):
    found = store.find(parse(spec), Axes())
    return None if found is None else str(found.executable)


def brief_(store, spec):
    return brief.find(spec, {"JITBUILD_HOME": str(store.root)})


@pytest.mark.parametrize(
    "others",
    [
        [],
        [("3.13.5", FAST), ("3.14.1", FAST), ("3.13.15", Variant(jit="no"))],
        [("3.13.15", Variant(profile="debug")), ("3.13.15", Variant(jit="yes", profile="release"))],
        [
            ("3.13.15", Variant(free_threaded=True, jit="no")),
            ("3.13.16", Variant(configure_args=("--with-x", "--with-y"))),
        ],
        [("3.14.0b1", FAST), ("3.13.9", FAST)],
    ],
)
def test_a_plain_request_is_answered_as_the_general_road_does(store, put, others):
    best = put("3.13.15")
    for version, variant in others:
        put(version, variant)
    for spec in ("3.13", "3.13.15"):
        assert brief_(store, spec) == general(store, spec) == str(best.executable)


def test_an_adopted_interpreter_is_answered_while_it_is_what_was_proven(store, put):
    found = put("3.13.15", Variant(profile="unknown"), adopted=True)
    assert brief_(store, "3.13") == general(store, "3.13") == str(found.executable)
    found.executable.write_text("another")
    assert brief_(store, "3.13") is None


@pytest.mark.parametrize(
    "spec",
    [
        "3.13t",
        "3.13.15t",
        "main",
        ">=3.13",
        "./tree",
        "v3.13",
        "3",
        "3.013",
        "3.13.1",
        "2.13",
        "3.٣",
        "",
    ],
)
def test_what_is_not_plain_is_left_to_the_general_road(store, put, spec):
    put("3.13.15")
    assert brief_(store, spec) is None


@pytest.mark.parametrize(
    "manifest",
    [
        {"verdict": {"ok": False}},
        {"verdict": {}},
        {"source": {"kind": "folder"}},
        {"version": "3.13.16"},
        {"executable": "bin/gone"},
        {"executable": "bin/../bin/python3"},
        {"executable": 'bin/"quoted"'},
        {"variant": variant_json(FAST) | {"jit": "no"}},
        {"variant": variant_json(FAST) | {"free_threaded": True}},
        {"variant": variant_json(FAST) | {"patches": ["0" * 64]}},
        {"variant": variant_json(FAST) | {"of a later version": True}},
        {"adopted": "perhaps"},
    ],
)
def test_a_manifest_that_is_not_plain_is_left_to_the_general_road(store, put, manifest):
    put("3.13.15", **manifest)
    assert brief_(store, "3.13") is None


@pytest.mark.parametrize(
    "others",
    [
        [("3.13.15", FAST)],
        [("3.13.15", Variant(tail_call=True))],
        [("3.13.16rc1", FAST)],
        [("3.13.16", FAST)],
    ],
)
def test_what_the_names_do_not_tell_is_left_to_the_general_road(store, put, others):
    put("3.13.15")
    for version, variant in others:
        put(version, variant, **({"verdict": {"ok": False}} if version == "3.13.16" else {}))
    assert brief_(store, "3.13") is None
    assert general(store, "3.13") is not None


def test_a_manifest_that_cannot_be_read_is_left_to_the_general_road(store, put):
    found = put("3.13.15")
    later = (found.path / stores.MANIFEST).read_text().replace("schema = 1\n", "schema = 2\n")
    (found.path / stores.MANIFEST).write_text(later)
    assert brief_(store, "3.13") is None
    (found.path / stores.MANIFEST).write_bytes(b"\xff")
    assert brief_(store, "3.13") is None
    (found.path / stores.MANIFEST).unlink()
    assert brief_(store, "3.13") is None


def test_it_never_contradicts_the_general_road(store, put):
    """Stores at random: an answer of the short road is that of the general one."""
    chance = random.Random(20261123)
    versions = ["3.13.5", "3.13.15", "3.13.15", "3.14.0", "3.14.0b2", "3.14.10"]
    answered = 0
    for _ in range(60):
        variant = Variant(
            jit=chance.choice(JITS),
            profile=chance.choice(["fast", "fast", "release", "debug"]),
            tail_call=chance.random() < 0.1,
            patches=(Patch("p", "1" * 64),) * (chance.random() < 0.1),
            includes=("tests",) * (chance.random() < 0.1),
        )
        put(
            chance.choice(versions),
            variant,
            verdict={"ok": chance.random() < 0.9},
            adopted=chance.random() < 0.2,
        )
        for found in store.installed():
            if chance.random() < 0.15:
                store.remove(found)
        for spec in ("3.13", "3.13.15", "3.14", "3.14.0", "3.15"):
            answer = brief_(store, spec)
            assert answer in {None, general(store, spec)}
            answered += answer is not None
    assert answered > 60


def test_it_reads_one_manifest(store, put, monkeypatch):
    for version in ("3.13.5", "3.13.15", "3.14.0", "3.15.0b1"):
        for jit in JITS:
            put(version, Variant(jit=jit))
    opened, text_of = [], brief._facts
    monkeypatch.setattr(brief, "_facts", lambda text: opened.append(text) or text_of(text))
    assert brief_(store, "3.13") == general(store, "3.13")
    assert len(opened) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the settings decide")
def test_the_store_is_where_the_settings_say(put, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    put("3.13.15")
    data = tmp_path / "data"
    data.mkdir()
    (data / "jitbuild").symlink_to(tmp_path / "store")
    environ = {"XDG_DATA_HOME": str(data)}
    expected = str(next((data / "jitbuild" / "interpreters").iterdir()) / "bin" / "python3")
    assert brief.find("3.13", environ) == expected
    assert brief.find("3.13", {}) is None
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "share").symlink_to(data)
    assert Path(brief.find("3.13", {})).samefile(expected)
    # A file of settings may say that the store is elsewhere.
    (tmp_path / ".config" / "jitbuild").mkdir(parents=True)
    (tmp_path / ".config" / "jitbuild" / "config.toml").touch()
    assert brief.find("3.13", environ) is None
    assert brief.find("3.13", {"JITBUILD_HOME": str(data / "jitbuild")}) == expected
    for home in ("~/data/jitbuild", "data/jitbuild", f"{data}//jitbuild", f"{data}/x/../jitbuild"):
        assert brief.find("3.13", {"JITBUILD_HOME": home}) is None


def test_it_has_what_the_store_has():
    assert (stores.MANIFEST, str(stores.SCHEMA)) == (brief.MANIFEST, brief.SCHEMA)
    assert tuple(brief._JITS.values()) == stores._PREFERRED_JIT
    assert brief._PROFILES == stores._PREFERRED_PROFILE
    for jit, profile in itertools.product(JITS, ("fast", "unknown")):
        for tail_call in (False, True):
            slug = Variant(jit=jit, profile=profile, tail_call=tail_call).slug
            assert brief._VARIANTS[brief._slug(f"cpython-3.15.2-{slug}-01234567")] == (
                f'"{jit}"',
                f'"{profile}"',
            )


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["which"],
        ["which", "3.13", "--jit", "no"],
        ["run", "3.13", "--mode", "on", "--", "x"],
        ["list", "3.13"],
        ["-q", "3.13"],
    ],
)
def test_other_commands_are_left_to_the_general_road(store, put, monkeypatch, words):
    put("3.13.15")
    monkeypatch.setenv("JITBUILD_HOME", str(store.root))
    assert brief.answer(words) is None


def test_completion_is_left_to_the_general_road(store, put, monkeypatch):
    put("3.13.15")
    monkeypatch.setenv("JITBUILD_HOME", str(store.root))
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    assert brief.answer(["which", "3.13"]) is None


def test_run_becomes_the_interpreter(store, put, monkeypatch):
    found = put("3.13.15")
    monkeypatch.setenv("JITBUILD_HOME", str(store.root))
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    became = []
    monkeypatch.setattr(os, "execvpe", lambda *how: became.append(how))
    brief.answer(["run", "3.13", "--", "-c", "pass"])
    ((program, argv, env),) = became
    assert [program, *argv[1:]] == [str(found.executable), "-c", "pass"]
    assert env["PATH"].startswith(f"{found.executable.parent}{os.pathsep}")
    assert "PYTHONHOME" not in env


def test_a_program_that_cannot_be_run_is_left_to_the_general_road(store, put, monkeypatch):
    put("3.13.15")
    monkeypatch.setenv("JITBUILD_HOME", str(store.root))

    def refuse(*_):
        raise FileNotFoundError

    monkeypatch.setattr(os, "execvpe", refuse)
    assert brief.answer(["run", "3.13", "--", "no-such-program"]) is None
