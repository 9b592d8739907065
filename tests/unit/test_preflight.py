"""The preflight of a machine with a fake compiler, which fails for the headers that it lacks."""

import dataclasses
import os
from pathlib import Path

import pytest

from jitbuild import request
from jitbuild.errors import LLVMError, PreflightError
from jitbuild.planning import planner
from jitbuild.planning.plan import Plan
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Patch, Variant
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS, Host
from jitbuild.toolchain.llvm import LLVMFinder
from jitbuild.toolchain.preflight import Preflight
from jitbuild.toolchain.requirements import CheckedRequirement, PreflightReport

CATALOG = load_catalog()
GB = 10**9


class Machine:
    """A runner of a machine whose compiler lacks the headers and libraries of `lacks`.

    pkg-config prints the flags of `packages`, and other programs the output of their name.
    """

    def __init__(self, *lacks: str, packages: dict[str, str] | None = None, **outputs: str):
        self.lacks = lacks
        self.packages = packages or {}
        self.outputs = outputs
        self.commands = []

    def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        self.commands.append(tuple(argv))
        name = Path(argv[0]).name
        if stdin is not None:
            return self.compile(argv, stdin)
        if name == "pkg-config":
            flags = self.packages.get(argv[-1])
            return Completed(argv=tuple(argv), returncode=flags is None, stdout=f"{flags}\n")
        output = self.outputs.get(name.partition(".")[0])
        return Completed(argv=tuple(argv), returncode=output is None, stdout=output or "")

    def compile(self, argv, code):
        for lack in self.lacks:
            if f"<{lack}>" in code:
                text = (
                    f"<stdin>:1:10: fatal error: {lack}: No such file or directory\n"
                    "compilation terminated.\n"
                )
                return Completed(argv=tuple(argv), returncode=1, stderr=text)
            if lack in argv:
                text = f"/usr/bin/ld: cannot find {lack}: No such file or directory\n"
                return Completed(argv=tuple(argv), returncode=1, stderr=text)
        return Completed(argv=tuple(argv), returncode=0)


@pytest.fixture
def programs(tmp_path) -> Path:
    folder = tmp_path / "path"
    folder.mkdir()
    for name in ("cc", "make", "pkg-config"):
        program(folder, name)
    return folder


def program(folder: Path, name: str) -> None:
    (folder / name).touch()
    (folder / name).chmod(0o755)


def host(name="x86_64-linux-gnu", libc="glibc 2.36", distro=("debian",)) -> Host:
    return Host(target=TARGETS[name], libc=libc, distro=distro, distro_name="Test", cpus=2)


def planned(version="3.13.5", target="x86_64-linux-gnu", **axes) -> Plan:
    return planner.make_plan(
        planner.resolve_version(request.parse(version), CATALOG),
        Variant(**axes),
        TARGETS[target],
        CATALOG,
    )


def preflight(programs: Path, runner=None, *, llvm_mode="managed", **changes) -> Preflight:
    settings = {
        "plan": planned(),
        "host": host(),
        "catalog": CATALOG,
        "store": programs.parent / "home" / "store",
        "runner": runner or Machine(),
        "environ": {"PATH": str(programs)},
        "free": lambda folder: 100 * GB,
        "is_noexec": lambda folder: False,
        "is_memory_denied": lambda: False,
        **changes,
    }
    required = settings["plan"].llvm
    shared = {name: settings[name] for name in ("host", "catalog", "runner", "environ")}
    llvm = required and LLVMFinder(want=required, mode=llvm_mode, cache=settings["store"], **shared)
    return Preflight(llvm=llvm, **settings)


def named(report: PreflightReport) -> dict[str, CheckedRequirement]:
    return {requirement.name: requirement for requirement in report.requirements}


def names(report) -> list[str]:
    return [requirement.name for requirement in report]


def test_a_machine_that_meets_all_requirements(programs):
    report = preflight(programs).run()
    assert names(report.requirements) == [
        *("libc", "memory", "store", "LLVM", "disk", "compiler", "make", "pkg-config"),
        *(
            "ssl",
            "zlib",
            "bz2",
            "lzma",
            "ffi",
            "sqlite3",
            "readline",
            "uuid",
            "curses",
            "gdbm",
            "tk",
        ),
    ]
    assert all(requirement.ok for requirement in report.requirements)
    assert (report.missing, report.fatal, report.command) == ((), (), "")
    report.raise_for_missing()


def test_zstd_is_required_from_3_14_on(programs):
    assert "zstd" in named(preflight(programs, plan=planned("3.14.0a1")).run())
    assert "zstd" not in named(preflight(programs).run())


def test_patch_is_required_for_plans_with_patches(programs):
    assert "patch" not in named(preflight(programs).run())
    patched = planned(patches=(Patch(path="fix.patch", sha256="0" * 64),))
    report = preflight(programs, plan=patched).run()
    assert names(report.fatal) == ["patch"]
    program(programs, "patch")
    assert named(preflight(programs, plan=patched).run())["patch"].ok


def test_a_missing_header_stops_an_install_unless_allowed(programs):
    report = preflight(programs, Machine("openssl/ssl.h", "-lffi")).run()
    assert names(report.missing) == ["ssl", "ffi"]
    assert report.fatal == ()
    assert report.command == "sudo apt-get update && sudo apt-get install -y libssl-dev libffi-dev"
    with pytest.raises(PreflightError) as error:
        report.raise_for_missing()
    assert (
        "ssl: openssl/ssl.h: No such file or directory (needed by the module ssl)"
        in error.value.what
    )
    assert "cannot find -lffi: No such file or directory (needed by the module ctypes)" in (
        error.value.what
    )
    assert report.command in error.value.remedy
    assert (
        "Use --install-deps to run this command, or --allow-missing to build without those modules."
        in error.value.remedy
    )
    report.raise_for_missing(allow_missing=True)


def test_missing_optional_libraries_stop_nothing(programs):
    report = preflight(programs, Machine("gdbm.h", "tk.h")).run()
    assert (report.missing, report.command) == ((), "")
    assert (
        report.full_command == "sudo apt-get update && sudo apt-get install -y libgdbm-dev tk-dev"
    )
    report.raise_for_missing()


@pytest.mark.parametrize(
    ("distro", "command"),
    [
        (("ubuntu", "debian"), "sudo apt-get update && sudo apt-get install -y zlib1g-dev"),
        (("nobara", "fedora"), "sudo dnf install -y zlib-devel"),
        (("rocky", "rhel", "centos", "fedora"), "sudo dnf install -y zlib-devel"),
        (("opensuse-leap", "suse", "opensuse"), "sudo zypper --non-interactive install zlib-devel"),
        (("manjaro", "arch"), "sudo pacman -S --needed --noconfirm zlib"),
        (("alpine",), "sudo apk add zlib-dev"),
        (("plan9",), ""),
    ],
)
def test_the_install_command_is_that_of_the_distribution(programs, distro, command):
    report = preflight(programs, Machine("zlib.h"), host=host(distro=distro)).run()
    assert report.command == command
    with pytest.raises(PreflightError) as error:
        report.raise_for_missing()
    assert (command or "Install the development packages of: zlib.") in error.value.remedy


def test_without_a_compiler_the_command_installs_everything(programs):
    (programs / "cc").unlink()
    (programs / "make").unlink()
    report = preflight(programs).run()
    assert names(report.fatal) == ["compiler", "make"]
    assert report.command == (
        "sudo apt-get update && sudo apt-get install -y build-essential libssl-dev zlib1g-dev "
        "libbz2-dev liblzma-dev libffi-dev libsqlite3-dev libreadline-dev uuid-dev libncurses-dev"
    )
    with pytest.raises(PreflightError) as error:
        report.raise_for_missing(allow_missing=True)
    assert "compiler: no C compiler (cc) on PATH" in error.value.what
    assert "--allow-missing" not in error.value.remedy


def test_a_compiler_that_cannot_compile_counts_as_missing(programs):
    assert names(preflight(programs, Machine("assert.h")).run().fatal) == ["compiler"]


def test_libraries_are_checked_with_the_compiler_and_the_flags_of_the_configure_arguments(programs):
    program(programs, "gcc-13")
    machine = Machine()
    arguments = ("CC=gcc-13 -m64", "CPPFLAGS=-I/opt/include", "LDFLAGS=-L/opt/lib", "--with-lto")
    preflight(programs, machine, plan=planned(configure_args=arguments)).run()
    compiled = [ran for ran in machine.commands if "-x" in ran and "-lz" in ran]
    assert compiled
    for ran in compiled:
        assert ran[:3] == (f"{programs}/gcc-13", "-m64", "-I/opt/include")
        assert ran.index("-L/opt/lib") < ran.index("-lz")


def test_every_program_runs_in_the_environment_of_the_build(programs):
    environments = []

    class Watched(Machine):
        def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
            environments.append(env)
            return super().__call__(argv, env=env, cwd=cwd, timeout=timeout, stdin=stdin)

    plan = planned(configure_args=("PKG_CONFIG_PATH=/opt/lib/pkgconfig",))
    program(programs, "clang-18")
    preflight(programs, Watched(), plan=plan, llvm_mode="system").run()
    own = {"PATH": str(programs)}
    assert len(environments) > 20
    assert all(
        env in (own, {**own, "PKG_CONFIG_PATH": "/opt/lib/pkgconfig"}) for env in environments
    )


def test_root_is_not_told_to_use_sudo(programs):
    (programs / "cc").unlink()
    root = dataclasses.replace(host(), root=True)
    report = preflight(programs, Machine("zlib.h"), host=root, llvm_mode="system").run()
    assert report.command.startswith("apt-get update && apt-get install -y build-essential")
    assert "sudo" not in " ".join(requirement.remedy for requirement in report.requirements)


def test_a_machine_that_denies_executable_memory_cannot_run_a_jit(programs):
    report = preflight(programs, is_memory_denied=lambda: True).run()
    assert names(report.fatal) == ["memory"]
    assert "MemoryDenyWriteExecute" in named(report)["memory"].remedy
    for jit in ("interpreter", "no"):
        plan = planned(jit=jit)
        report = preflight(programs, plan=plan, is_memory_denied=lambda: True).run()
        assert "memory" not in named(report)


@pytest.mark.parametrize("part", ["", "scratch", "interpreters"])
def test_a_store_on_a_mount_with_noexec_is_refused(programs, part):
    noexec = programs.parent / "home" / "store" / part
    noexec.mkdir(parents=True)
    report = preflight(programs, is_noexec=lambda folder: folder == noexec).run()
    assert names(report.fatal) == ["store"]
    assert f"{noexec} is on a mount with the option noexec" in named(report)["store"].detail


@pytest.mark.parametrize("part", ["", "scratch", "logs", "locks", "interpreters"])
@pytest.mark.parametrize("state", ["a loop", "a file"])
def test_a_folder_of_the_store_that_is_no_folder_is_refused(programs, part, state):
    store = programs.parent / "home"
    folder = store / part
    folder.parent.mkdir(exist_ok=True)
    if state == "a file":
        folder.write_text("")
    else:
        folder.symlink_to(folder.name)
    report = preflight(programs, store=store).run()
    assert f"{folder} is not a folder" in named(report)["store"].detail


def test_a_store_whose_path_make_cannot_build_in_is_refused(programs, tmp_path):
    report = preflight(programs, store=tmp_path / "a$b").run()
    assert "has a dollar sign ($) in its path" in named(report)["store"].detail
    assert names(report.fatal) == ["store"]


def test_a_store_below_a_file_or_with_a_long_path_is_refused(programs, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    report = preflight(programs, store=file / "store").run()
    assert f"{file} is not a folder" in named(report)["store"].detail
    long = Path("/" + "/".join(["x" * 200] * 10))
    report = preflight(programs, store=long).run()
    assert "is too long: it has 2010 bytes" in named(report)["store"].detail
    assert names(report.fatal) == ["store"]


def test_a_compiler_that_cannot_be_started_is_reported(programs):
    class Gone(Machine):
        def compile(self, argv, code):
            raise FileNotFoundError(2, "No such file or directory")

    report = preflight(programs, Gone()).run()
    assert named(report)["compiler"].detail == f"{programs}/cc: No such file or directory"


def test_flags_come_from_pkg_config_where_it_has_the_package(programs):
    machine = Machine(packages={"libffi": "-I/opt/ffi -L/opt/ffi/lib -lffi -lspecial"})
    report = preflight(programs, machine).run()
    (ffi,) = [ran for ran in machine.commands if "-lspecial" in ran]
    assert "-I/opt/ffi" in ffi
    assert named(report)["ffi"].detail == "-lffi -lspecial"
    assert any(ran[-1] == "-lz" for ran in machine.commands)


def test_a_library_needs_one_of_its_ways_to_link(programs):
    report = preflight(programs, Machine("-lncursesw")).run()
    assert named(report)["curses"].detail == "-lncurses"
    assert names(preflight(programs, Machine("-lncursesw", "-lncurses")).run().missing) == [
        "curses"
    ]


def test_libraries_of_homebrew_are_found_in_its_folders(programs, tmp_path):
    program(programs, "brew")
    (tmp_path / "brew" / "opt" / "xz").mkdir(parents=True)
    machine = Machine(brew=f"{tmp_path}/brew\n")
    mac = planned(target="aarch64-macos")
    report = preflight(programs, machine, plan=mac, host=host("aarch64-macos", "", ())).run()
    (lzma,) = [ran for ran in machine.commands if "-llzma" in ran]
    assert f"-I{tmp_path}/brew/opt/xz/include" in lzma
    assert f"-L{tmp_path}/brew/opt/xz/lib" in lzma
    assert not any("openssl@3" in word for ran in machine.commands for word in ran)
    assert "libc" not in named(report)


def test_macos_installs_with_homebrew_and_xcode(programs):
    mac = planned(target="aarch64-macos")
    report = preflight(
        programs, Machine("lzma.h", "assert.h"), plan=mac, host=host("aarch64-macos", "", ())
    ).run()
    assert report.command == "brew install xz"
    with pytest.raises(PreflightError) as error:
        report.raise_for_missing()
    assert "xcode-select --install" in error.value.remedy


def test_a_pkg_config_that_cannot_be_started_is_ignored(programs):
    class Broken(Machine):
        def __call__(self, argv, /, **settings):
            if Path(argv[0]).name == "pkg-config":
                raise OSError(8, "Exec format error")
            return super().__call__(argv, **settings)

    assert preflight(programs, Broken()).run().missing == ()


def test_a_compiler_that_hangs_counts_as_missing(programs):
    class Slow(Machine):
        def compile(self, argv, code):
            return Completed(argv=tuple(argv), returncode=-15, timed_out=True)

    assert "did not finish within" in named(preflight(programs, Slow()).run())["compiler"].detail


def test_the_jit_is_refused_on_musl(programs):
    report = preflight(
        programs, host=host(libc="musl", distro=("alpine",)), llvm_mode="managed"
    ).run()
    assert "libc" in names(report.fatal)
    with pytest.raises(PreflightError, match="--jit no"):
        report.raise_for_missing(allow_missing=True)
    plain = planned(jit="no")
    assert (
        preflight(programs, host=host(libc="musl", distro=("alpine",)), plan=plain).run().fatal
        == ()
    )


def test_a_missing_llvm_alone_raises_an_llvm_error(programs):
    report = preflight(programs, host=host(distro=("debian",)), llvm_mode="/nowhere").run()
    assert names(report.fatal) == ["LLVM"]
    with pytest.raises(LLVMError, match="there is no such folder") as error:
        report.raise_for_missing(allow_missing=True)
    assert "`auto`, `system` or `managed`" in error.value.remedy
    both = preflight(programs, Machine("zlib.h"), llvm_mode="/nowhere").run()
    with pytest.raises(PreflightError) as error:
        both.raise_for_missing()
    assert "LLVM: --llvm /nowhere: there is no such folder" in error.value.what
    assert "zlib1g-dev" in error.value.remedy


def test_llvm_is_not_required_without_stencils(programs):
    assert "LLVM" not in named(
        preflight(programs, plan=planned(jit="no"), llvm_mode="/nowhere").run()
    )


@pytest.mark.parametrize(
    ("profile", "free", "ok"),
    [("fast", 2 * GB, True), ("fast", GB, False), ("release", 2 * GB, False)],
)
def test_the_disk_must_have_room_for_the_profile(programs, profile, free, ok):
    report = preflight(programs, plan=planned(profile=profile), free=lambda folder: free).run()
    assert named(report)["disk"].ok is ok
    if not ok:
        with pytest.raises(PreflightError, match="JITBUILD_HOME to a folder on a larger disk"):
            report.raise_for_missing(allow_missing=True)


def test_free_space_is_that_of_the_nearest_existing_folder(programs, tmp_path):
    asked = []
    preflight(programs, free=lambda folder: asked.append(folder) or GB * 9).run()
    assert asked == [tmp_path]


def test_a_store_with_a_space_in_its_path_is_refused(programs):
    report = preflight(programs, store=programs.parent / "my store").run()
    assert names(report.fatal) == ["store"]
    with pytest.raises(PreflightError, match="JITBUILD_HOME"):
        report.raise_for_missing(allow_missing=True)


def test_a_store_that_is_not_writable_is_refused(programs, monkeypatch, tmp_path):
    monkeypatch.setattr("os.access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    store = named(preflight(programs).run())["store"]
    assert not store.ok
    assert store.detail.endswith(f"{tmp_path} is not writable")
    assert "JITBUILD_HOME" in store.remedy


def windows(programs: Path, machine: Machine, **changes) -> PreflightReport:
    settings = {
        "plan": planned("3.14.0a1", target="x86_64-windows"),
        "host": host("x86_64-windows", "", ()),
        "environ": {"PATH": "", "ProgramFiles(x86)": str(programs)},
        "store": programs.parent / "my store",
    }
    return preflight(programs, machine, **{**settings, **changes}).run()


def test_windows_requires_msvc_and_no_libraries(programs):
    installer = Path(f"{programs}\\Microsoft Visual Studio\\Installer")
    installer.mkdir()
    (installer / "vswhere.exe").touch()
    machine = Machine(vswhere="C:\\Program Files\\Microsoft Visual Studio\\2022\\BuildTools\r\n")
    report = windows(programs, machine)
    assert names(report.requirements) == ["compiler", "LLVM", "disk"]
    assert (
        named(report)["compiler"].detail
        == "C:\\Program Files\\Microsoft Visual Studio\\2022\\BuildTools"
    )
    assert machine.commands[0][0] == str(installer / "vswhere.exe")
    assert "Microsoft.VisualStudio.Component.VC.Tools.x86.x64" in machine.commands[0]
    assert not named(windows(programs, Machine(vswhere="")))["compiler"].ok


def test_windows_without_visual_studio_is_refused(programs):
    report = windows(programs, Machine())
    assert names(report.fatal) == ["compiler"]
    with pytest.raises(PreflightError, match=r"winget install --id Microsoft\.VisualStudio"):
        report.raise_for_missing(allow_missing=True)


@pytest.mark.parametrize("manager", ["apt", "dnf", "zypper", "pacman", "apk"])
def test_every_requirement_has_a_package_for_every_manager(manager):
    assert all(need.packages.get(manager) for need in CATALOG.host.need)
    assert manager in CATALOG.host.install


def test_every_distribution_has_an_install_command():
    assert {*CATALOG.host.distro.values()} <= {*CATALOG.host.install}
