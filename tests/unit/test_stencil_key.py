"""Two builds share a key exactly when their stencils are the same."""

import pytest
from cache_samples import RECIPE, make_plan, make_tree, makefile

from jitbuild.building.caches.stencil_key import forecast_key, stencil_key
from jitbuild.request import Patch
from jitbuild.target import TARGETS

RECIPE_315 = (
    "$(PYTHON_FOR_REGEN) $(srcdir)/Tools/jit/build.py x86_64-pc-linux-gnu "
    '--output-dir . --pyconfig-dir . --cflags="-O2" --llvm-version="21" '
    '--llvm-tools-install-dir="/scratch/one/llvm"'
)


@pytest.fixture
def tree(tmp_path):
    return make_tree(tmp_path / "scratch" / "source")


def key_of(tree, **changed):
    return stencil_key(tree, **{"llvm_major": 18, "libc": "glibc 2.36", **changed})


def test_the_key_does_not_depend_on_where_the_tree_is(tree, tmp_path):
    key = key_of(tree)
    assert len(key) == 64
    assert key == key_of(make_tree(tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "pyconfig.h",
            "Include/object.h",
            "Include/internal/pycore_frame.h",
            "Python/ceval_macros.h",
        ),
        *("Python/executor_cases.c.h", "Tools/jit/build.py", "Tools/jit/_llvm.py"),
        *("Include/new.h", "Tools/jit/shim.c", "Python/new.h"),
    ],
)
def test_a_changed_or_new_source_of_stencils_changes_the_key(tree, name):
    before = key_of(tree)
    with (tree / name).open("a") as file:
        file.write("changed")
    assert key_of(tree) != before


def test_removing_or_renaming_a_source_changes_the_key(tree):
    keys = [key_of(tree)]
    (tree / "Include/object.h").rename(tree / "Include/objects.h")
    keys.append(key_of(tree))
    (tree / "Include/objects.h").unlink()
    keys.append(key_of(tree))
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Lib/os.py",
            "Python/jit.c",
            "Tools/jit/__pycache__/_llvm.cpython-313.pyc",
            "jit_stencils.h",
        ),
        *("Python/jit_stencils.h", "config.log"),
    ],
)
def test_other_files_do_not_change_the_key(tree, name):
    before = key_of(tree)
    (tree / name).parent.mkdir(exist_ok=True)
    with (tree / name).open("a") as file:
        file.write("changed")
    assert key_of(tree) == before


def test_the_llvm_major_and_the_libc_change_the_key(tree):
    keys = {
        key_of(tree),
        key_of(tree, llvm_major=19),
        key_of(tree, libc="glibc 2.41"),
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE.replace("x86_64", "aarch64"),
        f"{RECIPE} --debug",
        f"{RECIPE} $(CFLAGS_JIT)",
        RECIPE_315,
    ],
)
def test_another_recipe_in_the_makefile_changes_the_key(tree, recipe):
    before = key_of(tree)
    (tree / "Makefile").write_text(makefile(recipe))
    assert key_of(tree) != before


def test_the_value_of_a_variable_in_the_recipe_changes_the_key(tree):
    recipe = f'{RECIPE} --cflags="$(CFLAGS_JIT) ${{MORE}}"'

    def key(more):
        (tree / "Makefile").write_text(
            makefile(recipe, variables=f"MORE = $(DEEP)\nDEEP := {more}\nSELF = $(SELF)")
        )
        return key_of(tree)

    assert key("-DX") == key("-DX")
    assert key("-DX") != key("-DY")


def test_other_lines_of_the_makefile_do_not_change_the_key(tree):
    before = key_of(tree)
    (tree / "Makefile").write_text(
        makefile(variables="prefix = /somewhere/else\nPY_CORE_CFLAGS = -O3")
    )
    assert key_of(tree) == before


def test_a_recipe_with_continuation_lines_is_read_whole(tree):
    before = key_of(tree)
    (tree / "Makefile").write_text(makefile(RECIPE.replace("build.py ", "build.py \\\n\t\t")))
    assert key_of(tree) == before
    (tree / "Makefile").write_text(
        makefile(RECIPE.replace("build.py ", "build.py --debug \\\n\t\t"))
    )
    assert key_of(tree) != before


def test_the_location_of_llvm_does_not_change_the_key_but_another_major_does(tree):
    def key(recipe):
        (tree / "Makefile").write_text(makefile(recipe))
        return key_of(tree, llvm_major=21)

    same = {
        key(RECIPE_315),
        key(RECIPE_315.replace("/scratch/one", "/usr/lib")),
        key(RECIPE_315.replace('"/scratch/one/llvm"', '""')),
        key(RECIPE_315.replace('"/scratch/one/llvm"', '""').replace('"21"', '""')),
    }
    assert len(same) == 1
    assert key(RECIPE_315.replace('"21"', '"22"')) not in same
    assert key(RECIPE_315.replace("-O2", "-O3")) not in same


def test_the_location_of_scratch_in_flags_does_not_change_the_key(tmp_path):
    keys = []
    for name in ("one", "two"):
        tree = tmp_path / name / "source"
        make_tree(tree, f"{RECIPE} --cflags='-I{tree}/Include -I{tmp_path / name}/x'")
        keys.append(stencil_key(tree, llvm_major=18, libc="", ignored_folders=[tmp_path / name]))
    assert keys[0] == keys[1]


def test_a_recipe_with_unbalanced_quotes_is_compared_as_it_is(tree):
    (tree / "Makefile").write_text(makefile(f"{RECIPE} --cflags='-O2"))
    first = key_of(tree)
    (tree / "Makefile").write_text(makefile(f"{RECIPE} --cflags='-O3"))
    assert key_of(tree) != first


@pytest.mark.parametrize("recipe", ["@true", ":"])
def test_a_tree_without_stencils_has_no_key(tree, recipe):
    (tree / "Makefile").write_text(makefile(recipe))
    assert key_of(tree) == ""


def test_an_unconfigured_tree_has_no_key(tree):
    (tree / "pyconfig.h").unlink()
    assert key_of(tree) == ""
    (tree / "Makefile").unlink()
    assert key_of(tree) == ""


def forecast(plan, compiler="gcc 12", libc="glibc 2.36"):
    return forecast_key(plan, compiler=compiler, libc=libc)


def test_the_forecast_covers_what_is_known_before_configure():
    first = forecast(make_plan())
    assert first == forecast(make_plan()) == forecast(make_plan(jit="yes")), (
        "yes-off and yes have the same stencils"
    )
    others = {
        forecast(make_plan("3.13.14")),
        forecast(make_plan(jit="no")),
        forecast(make_plan(profile="debug")),
        forecast(make_plan(configure_args=("CFLAGS_JIT=-O1",))),
        forecast(make_plan(patches=(Patch(path="x.patch", sha256="1" * 64),))),
        forecast(make_plan(patches=(Patch(path="x.patch", sha256="2" * 64),))),
        forecast(make_plan(target="aarch64-linux-gnu")),
        forecast(make_plan(), compiler="gcc 13"),
        forecast(make_plan(), libc="glibc 2.41"),
    }
    assert len(others) == 9
    assert first not in others


def test_every_target_has_a_forecast_of_its_own():
    assert len({forecast(make_plan("3.15.2", target=name)) for name in TARGETS}) == len(TARGETS)
