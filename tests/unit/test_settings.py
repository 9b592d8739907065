"""Tests of settings: the order of their origins, and what a file may not set."""

from pathlib import Path

import pytest

from jitbuild import settings
from jitbuild.errors import SettingsError
from jitbuild.options import BuildOptions
from jitbuild.settings import KNOWN


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Point settings at an empty project and a missing user file, and unset all variables."""
    for name in KNOWN:
        monkeypatch.delenv(settings.variable_of(name), raising=False)
    own = tmp_path / "config" / "config.toml"
    own.parent.mkdir()
    monkeypatch.setattr(settings, "user_file", lambda: own)
    inside = tmp_path / "project" / "src"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)


@pytest.fixture
def project(tmp_path):
    return (tmp_path / "project" / "pyproject.toml").write_text


@pytest.fixture
def own(tmp_path):
    return (tmp_path / "config" / "config.toml").write_text


def test_a_setting_that_is_not_set_is_none():
    assert settings.get("mirror") is None
    assert settings.value("mirror") is None
    assert settings.folder("home") is None
    assert settings.choice("jit", ("yes",)) is None
    assert settings.number("jobs") is None


def test_the_nearest_origin_takes_precedence(tmp_path, monkeypatch, project, own):
    own('mirror = "own"')
    found = settings.get("mirror")
    assert (found.name, found.value, found.origin) == (
        "mirror",
        "own",
        str(tmp_path / "config" / "config.toml"),
    )
    project('[tool.jitbuild]\nmirror = "project"')
    found = settings.get("mirror")
    assert (found.value, found.origin) == (
        "project",
        f"{tmp_path / 'project' / 'pyproject.toml'} [tool.jitbuild]",
    )
    monkeypatch.setenv("JITBUILD_MIRROR", "variable")
    assert settings.get("mirror").origin == "JITBUILD_MIRROR"
    assert settings.get("mirror", "flag").value == "flag"
    assert settings.get("mirror", "flag").origin == "the command line"


def test_variables_have_underscores_for_hyphens(monkeypatch):
    monkeypatch.setenv("JITBUILD_CCACHE_STORAGE", "redis://host")
    found = settings.get("ccache-storage")
    assert (found.value, found.origin) == ("redis://host", "JITBUILD_CCACHE_STORAGE")


def test_a_project_cannot_set_the_storage_of_compiled_objects(project, own):
    own('ccache-storage = "redis://mine"\nccache = "managed"')
    assert settings.value("ccache-storage") == "redis://mine"
    assert settings.choice("ccache", ("auto", "managed", "off")) == "managed"
    project('[tool.jitbuild]\nccache-storage = "redis://theirs"')
    assert settings.value("ccache-storage") == "redis://mine"
    with pytest.raises(
        SettingsError, match="`ccache-storage` cannot be set by a project"
    ) as caught:
        settings.value("ccache")
    assert "JITBUILD_CCACHE_STORAGE" in caught.value.remedy


def test_an_empty_variable_sets_nothing(monkeypatch, own):
    own('mirror = "own"')
    monkeypatch.setenv("JITBUILD_MIRROR", "")
    assert settings.value("mirror") == "own"


def test_only_the_nearest_pyproject_is_read(tmp_path, project):
    project('[tool.jitbuild]\nmirror = "far"')
    (tmp_path / "project" / "src" / "pyproject.toml").write_text("[project]\n")
    assert settings.value("mirror") is None


def test_a_file_may_hold_numbers(own):
    own("jobs = 4")
    assert settings.value("jobs") == "4"
    assert settings.number("jobs") == 4


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ('[tool.jitbuild]\nmiror = "x"', "no setting `miror`", "Did you mean mirror?"),
        ('[tool.jitbuild]\nxyzzy = "x"', "no setting `xyzzy`", "The settings are: home, mirror"),
        ('[tool.jitbuild]\nhome = "x"', "`home` cannot be set by a project", "Set JITBUILD_HOME"),
        (
            '[tool.jitbuild]\nrecipes = "x"',
            "`recipes` cannot be set by a project",
            "Set JITBUILD_RECIPES",
        ),
        (
            '[tool.jitbuild]\nllvm = "./tools"',
            "a path as `llvm` cannot be set by a project",
            "Set JITBUILD_LLVM",
        ),
        ("[tool.jitbuild]\njit = true", "`jit` must be a string or an integer", KNOWN["jit"]),
        ("[tool.jitbuild]\njobs = 1.5", "`jobs` must be a string or an integer", KNOWN["jobs"]),
        ("[tool.jitbuild]\nmirror = ['x']", "`mirror` must be a string", KNOWN["mirror"]),
        ('[tool]\njitbuild = "x"', "is not a table", "Make it a table with any of these keys"),
        ("tool = 1", "is not a table", "Make it a table with any of these keys"),
        ("[tool.jitbuild\n", "cannot be read", "Correct the file"),
    ],
)
def test_a_mistake_in_pyproject_is_refused(tmp_path, project, text, said, remedy):
    project(text)
    with pytest.raises(SettingsError) as caught:
        settings.get("mirror")
    assert str(tmp_path / "project" / "pyproject.toml") in caught.value.what
    assert said in caught.value.what
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("word", ["auto", "system", "managed"])
def test_a_project_may_set_the_kind_of_llvm(project, word):
    project(f'[tool.jitbuild]\nllvm = "{word}"')
    assert settings.value("llvm") == word


def test_pyproject_is_not_read_for_settings_that_a_project_may_not_set(project):
    project("[tool.jitbuild\n")
    assert settings.value("home") is None


@pytest.mark.parametrize("text", ["[[\n", "hom = 'x'", "home = true"])
def test_a_mistake_in_the_users_file_is_refused(tmp_path, own, text):
    own(text)
    with pytest.raises(SettingsError, match=r"config\.toml"):
        settings.get("home")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "config" / "config.toml").write_bytes(b'home = "\xff"')
    with pytest.raises(SettingsError, match=r"config\.toml cannot be read"):
        settings.get("home")


def test_the_users_file_may_set_anything(own):
    own(
        "\n".join(
            f'{name} = ["x"]' if name in {"pythons", "modes"} else f'{name} = "x"' for name in KNOWN
        )
    )
    assert {settings.value(name) for name in KNOWN} == {"x"}


def test_a_folder_is_made_absolute_and_its_tilde_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert settings.folder("home", "~/store") == tmp_path / "store"
    assert settings.folder("home", Path("store")) == Path.cwd() / "store"


def test_a_home_folder_of_an_unknown_user_is_refused(monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", "~no-such-user/store")
    with pytest.raises(SettingsError, match="JITBUILD_HOME: ~no-such-user/store begins with"):
        settings.folder("home")


def test_specifiers_in_a_file_may_have_spaces(project):
    project('[tool.jitbuild]\npythons = [">= 3.14, <3.16", ">=3.13 <3.14", "~=3.15.0", ">=3.15"]')
    assert settings.get("pythons").items == [
        ">=3.14,<3.16",
        ">=3.13,<3.14",
        "~=3.15.0",
        ">=3.15",
    ]


def test_an_unknown_choice_is_refused_with_its_origin_and_the_choices(monkeypatch):
    monkeypatch.setenv("JITBUILD_JIT", "on")
    with pytest.raises(SettingsError, match="JITBUILD_JIT: 'on' is not a value of `jit`") as caught:
        settings.choice("jit", ("yes", "no"))
    assert caught.value.remedy == "Choose from: yes, no."


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "\u0663", "9" * 5000])
def test_a_count_must_be_a_positive_integer(monkeypatch, text):
    monkeypatch.setenv("JITBUILD_JOBS", text)
    with pytest.raises(SettingsError, match="must be a positive integer") as caught:
        settings.number("jobs")
    assert "JITBUILD_JOBS" in caught.value.what


def test_a_number_may_be_zero_if_that_is_the_least(monkeypatch):
    monkeypatch.setenv("JITBUILD_MIN_SPEED", "0")
    assert settings.number("min-speed", least=0) == 0
    assert BuildOptions(min_speed=0).with_settings().min_speed == 0


@pytest.mark.parametrize("value", [-1, 10**15])
def test_a_number_in_build_options_is_checked(value):
    with pytest.raises(SettingsError, match="the command line: `min-speed` must be 0 or"):
        BuildOptions(min_speed=value).with_settings()


def test_a_deleted_current_folder_has_no_project(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    try:
        gone.rmdir()
    except OSError:
        pytest.skip("this system keeps the folder that somebody is in")
    assert settings.value("mirror") is None


def test_a_folder_that_denies_access_has_no_project(tmp_path):
    class Locked(type(tmp_path)):
        def is_file(self):
            raise PermissionError(13, "Permission denied")

    assert settings.get("mirror", cwd=Locked(tmp_path)) is None


def test_a_list_is_read_from_files_variables_and_flags(monkeypatch, project):
    assert settings.get("pythons") is None
    project('[tool.jitbuild]\npythons = ["3.14", ">=3.15,<3.17"]\nmodes = ["off", "on"]')
    assert settings.get("pythons").items == ["3.14", ">=3.15,<3.17"]
    assert settings.get("modes").items == ["off", "on"]
    monkeypatch.setenv("JITBUILD_PYTHONS", "3.13 main")
    assert settings.get("pythons").items == ["3.13", "main"]
    assert settings.get("pythons", "3.15").items == ["3.15"]


@pytest.mark.parametrize("given", ['"3.14"', "[]", "[3.14]", '["3.14 3.15"]', '[""]'])
def test_a_malformed_list_is_refused_with_an_example(project, given):
    project(f"[tool.jitbuild]\npythons = {given}")
    with pytest.raises(SettingsError, match=r'pythons = \["3.14", "3.15"\]'):
        settings.get("pythons")
