"""Kill an operation on a store before each of its calls that change files, and check the store.

Run as `LD_PRELOAD=kills.so python kill_points.py FOLDER`. Prints a JSON object that maps each
operation to the number of its calls, and to the faults that were found. Each call is reached in a
fork of this process, so that modules are imported only once. The interpreters are files whose
content the fakes of the unit tests understand.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from exports import importer
from fake_registry import HOST as REGISTRY_HOST
from fake_registry import FakeRegistry
from moved_stores import REPAIRER
from prebuilt_samples import NAME, catalog_with, layout
from provision_fakes import HOST, FakeProvider, fake_probe, missing_modules

from jitbuild.cli.main import main
from jitbuild.errors import InterpreterError, NotInstalledError
from jitbuild.options import BuildOptions
from jitbuild.providers.adopt import adopt, refresh
from jitbuild.providers.from_registry import RegistryProvider
from jitbuild.provision import Provisioner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.registry.client import connect
from jitbuild.registry.repository import Repository
from jitbuild.request import Axes, parse
from jitbuild.store import archive_writer, marker
from jitbuild.store.store import Store
from jitbuild.system import exchange  # noqa: F401 - imported before the first fork
from jitbuild.system.progress import SilentReporter

FOLDER = Path(sys.argv[1])
STORE = Store(FOLDER / "home")
TEMPLATE = FOLDER / "template"
PROGRAM = FOLDER / "elsewhere" / "python"
ARCHIVE = FOLDER / "elsewhere" / "python.tar.zst"
OUTPUT = FOLDER / "elsewhere" / "output.tar.zst"
STRAYS = [f"{folder}/thesis.tex" for folder in ("scratch", "logs", "sources")]
REGISTRY = FakeRegistry()
CATALOG = load_catalog()
LIBRARY = ctypes.CDLL(None)


def install(
    spec: str,
    *,
    content: str | None = None,
    registry: RegistryProvider | None = None,
    **options: bool,
) -> None:
    Provisioner(
        STORE,
        CATALOG,
        BuildOptions(**options),
        provider=FakeProvider(content),
        registry=registry,
        probe=fake_probe,
        missing_modules=missing_modules,
        repairer=REPAIRER,
        this_host=lambda: HOST,
    ).ensure(parse(spec), Axes())


def download(content: str = "3.15.2 yes-off", *, reinstall: bool = False) -> None:
    """Install a prebuilt interpreter from the folder FOLDER, which serves as a mirror."""
    archive = layout(content)
    (FOLDER / NAME).write_bytes(archive)
    Provisioner(
        STORE,
        catalog_with(archive),
        BuildOptions(reinstall=reinstall, mirror=str(FOLDER)),
        probe=fake_probe,
        missing_modules=missing_modules,
        repairer=REPAIRER,
        this_host=lambda: HOST,
    ).ensure(parse("3.15.2"), Axes(provider="prebuilt"))


def adopt_program() -> None:
    adopt(STORE, PROGRAM, probe=fake_probe)


def upgrade(content: str) -> None:
    """Adopt the program, and then change it in place."""
    adopt_program()
    PROGRAM.write_text(content)


def refresh_all() -> None:
    for interpreter in STORE.installed():
        if interpreter.outdated:
            with contextlib.suppress(InterpreterError):
                refresh(STORE, interpreter, probe=fake_probe)


def jitbuild(*words: str) -> None:
    """Run a command, which may find that its work was done before."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as printed,
    ):
        code = main([*words])
    assert code in {0, NotInstalledError.exit_code}, printed.getvalue()


def install_with_data() -> None:
    """Install an interpreter whose archive is written by several calls."""
    install("3.15.2")
    (interpreter,) = STORE.installed()
    (interpreter.path / "data").write_bytes(os.urandom(1 << 20))


def export_to(file: Path) -> None:
    jitbuild("export", "3.15.2", str(file), "--force", "-q")


def import_archive(*, reinstall: bool = False) -> None:
    importer(STORE, reinstall=reinstall).import_file(ARCHIVE, lambda _: None)


def make_archive() -> None:
    """Write the archive that is imported, and leave an empty store."""
    install("3.15.2")
    export_to(ARCHIVE)
    shutil.rmtree(STORE.root)


def through_registry() -> RegistryProvider:
    """Return the provider for a repository of REGISTRY, as a fork of this process finds it."""
    return RegistryProvider(
        repository=Repository("https", REGISTRY_HOST, "a/b"),
        connect=functools.partial(connect, effects=REGISTRY.effects),
    )


def push() -> None:
    (interpreter,) = STORE.installed()
    through_registry().push(interpreter, STORE, SilentReporter())


def pull() -> None:
    install("3.15.2", registry=through_registry(), pull_only=True)


def fill_registry() -> None:
    """Push what is pulled, and leave an empty store."""
    install_with_data()
    push()
    shutil.rmtree(STORE.root)


def fill() -> None:
    """Put old interpreters, a scratch folder of a killed build, a log and caches into the store."""
    install("3.15.0")
    install("3.15.2")
    adopt_program()
    for name in ("scratch/0123456789ab", "sources/0123456789abcdef", "stencils/index", "logs"):
        (STORE.root / name).mkdir(parents=True, exist_ok=True)
        (STORE.root / name / "file").touch()
    for name in STRAYS:
        (STORE.root / name).write_text("somebody's")
    log = STORE.logs / "cpython-3.15.0-jit-fast-01234567-20200101T000000.log"
    log.touch()
    os.utime(log, (0, 0))


class Operation(NamedTuple):
    """What is done to a prepared store. If `refuse` is 1, the disk cannot exchange folders.

    `output` is a file that the operation writes outside of the store.
    """

    prepare: Callable[[], None]
    perform: Callable[[], None]
    refuse: int = 0
    output: Path | None = None


OPERATIONS = {
    "install": Operation(lambda: None, lambda: install("3.15.2")),
    "replace": Operation(
        lambda: install("3.15.2", content="3.15.2  yes-off"),
        lambda: install("3.15.2", reinstall=True),
    ),
    "replace without exchange": Operation(
        lambda: install("3.15.2", content="3.15.2  yes-off"),
        lambda: install("3.15.2", reinstall=True),
        refuse=1,
    ),
    "download": Operation(lambda: None, download),
    "download again": Operation(download, lambda: download(reinstall=True)),
    "adopt": Operation(lambda: None, adopt_program),
    "adopt again": Operation(adopt_program, adopt_program),
    "re-adopt": Operation(lambda: upgrade("3.15.1  yes-off"), refresh_all),
    "re-adopt without exchange": Operation(
        lambda: upgrade("3.15.1  yes-off"), refresh_all, refuse=1
    ),
    "re-adopt another version": Operation(lambda: upgrade("3.15.2 yes-off"), refresh_all),
    "record a failure": Operation(lambda: upgrade("broken"), refresh_all),
    "uninstall": Operation(
        lambda: install("3.15.2"), lambda: jitbuild("uninstall", "3.15.2", "--all")
    ),
    "unregister": Operation(adopt_program, lambda: jitbuild("uninstall", "3.15.1", "--all")),
    "export": Operation(install_with_data, lambda: export_to(OUTPUT), output=OUTPUT),
    "import": Operation(lambda: None, import_archive),
    "import another": Operation(
        lambda: install("3.15.2", content="3.15.2  yes-off"),
        lambda: import_archive(reinstall=True),
    ),
    "push": Operation(install_with_data, push),
    "pull": Operation(fill_registry, pull),
    "prune": Operation(fill, lambda: jitbuild("prune", "--caches")),
}


def state() -> dict[str, str]:
    """Return the content of each interpreter's program. Raises AssertionError if one is damaged."""
    contents = {}
    for interpreter in STORE.installed():
        assert interpreter.executable.is_file(), f"{interpreter.name} has no program"
        if interpreter.adopted:
            launcher = interpreter.path / "launchers" / "python3"
            assert str(PROGRAM) in launcher.read_text(), f"{interpreter.name} has no launchers"
        assert interpreter.proven
        contents[interpreter.name] = f"{interpreter.executable.read_text()}, {interpreter.state}"
    return contents


def in_fork(action: Callable[[], object]) -> int:
    """Run `action` in a fork; return its wait status. Exceptions are printed."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def reset() -> None:
    OUTPUT.unlink(missing_ok=True)
    shutil.rmtree(STORE.root, ignore_errors=True)
    if TEMPLATE.exists():
        shutil.copytree(TEMPLATE, STORE.root, symlinks=True)


def count(operation: Operation) -> int:
    """Return the number of calls of `operation`."""
    reading, writing = os.pipe()

    def perform() -> None:
        LIBRARY.kills_arm(0, operation.refuse)
        operation.perform()
        os.write(writing, str(LIBRARY.kills_count()).encode())

    reset()
    assert in_fork(perform) == 0
    number = int(os.read(reading, 100))
    os.close(reading)
    os.close(writing)
    return number


def faults_of(
    operation: Operation, call: int, before: dict[str, str], after: dict[str, str], whole: bytes
) -> str:
    """Kill `operation` before call number `call`; return the fault of the store, or "".

    `whole` is the content of the operation's output.
    """

    def perform() -> None:
        LIBRARY.kills_arm(call, operation.refuse)
        operation.perform()

    reset()
    if not os.WIFSIGNALED(status := in_fork(perform)) or os.WTERMSIG(status) != signal.SIGKILL:
        return f"was not killed: {status}"
    try:
        marker.check(STORE.root)
        if operation.output and operation.output.exists():
            assert operation.output.read_bytes() == whole, "half a file"
        # Every interpreter is as it was before, or as it is afterwards.
        for name, content in state().items():
            assert content in (before.get(name), after.get(name)), f"{name} is {content}"
        kept = before.keys() & after.keys()
        assert kept <= state().keys(), f"lost {kept - state().keys()}"
        assert state() or not (before and after), "lost all interpreters"
        operation.perform()
        assert state() == after, f"{state()} after a repetition"
        STORE.sweep()
        names = {path.name for path in STORE.interpreters.iterdir()}
        assert names == after.keys(), f"left {names}"
        assert STORE.scratch_folders() == []
        for stray in STRAYS if (TEMPLATE / STRAYS[0]).exists() else ():
            assert (STORE.root / stray).read_text() == "somebody's"
    except BaseException as error:  # noqa: BLE001
        return "".join(traceback.format_exception_only(error)).strip()
    return ""


def examine(operation: Operation) -> dict[str, object]:
    shutil.rmtree(STORE.root, ignore_errors=True)
    shutil.rmtree(TEMPLATE, ignore_errors=True)
    PROGRAM.write_text("3.15.1 yes-off")
    operation.prepare()
    if STORE.root.exists():
        shutil.copytree(STORE.root, TEMPLATE, symlinks=True)
    before = state()
    operation.perform()  # what is cached in this process makes some calls unnecessary
    whole = operation.output.read_bytes() if operation.output else b""
    after, calls = state(), count(operation)
    faults = {
        call: faults_of(operation, call, before, after, whole) for call in range(1, calls + 1)
    }
    return {"calls": calls, "faults": {call: text for call, text in faults.items() if text}}


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    # With threads, the number of calls that write the file would be another one each time.
    archive_writer.compressed = functools.partial(archive_writer.compressed, workers=0)
    os.environ["JITBUILD_HOME"] = str(STORE.root)
    PROGRAM.parent.mkdir()
    make_archive()
    print(json.dumps({name: examine(operation) for name, operation in OPERATIONS.items()}))
