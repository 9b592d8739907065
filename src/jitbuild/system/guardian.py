"""End the commands of a jitbuild that was killed (`kill -9`) and therefore cannot end them itself.

The guardian is a shell that waits for the end of a pipe whose other end only jitbuild holds.
However jitbuild ends, the kernel closes the pipe, and the guardian ends the process groups that are
listed in a file. jitbuild lists a group while it waits for the group's leader. A change of the list
does not wake the guardian, so it takes no time from a measured command.

The guardian first sends SIGTERM, as the kernel does on Linux (PR_SET_PDEATHSIG), and SIGKILL a
second later. On Linux, this includes all other process groups of the same sessions: `timeout` and
interactive shells, for example, create such groups. A process that starts a session of its own
(setsid(2)) is not found. Windows has no guardian.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Launcher = Callable[[Sequence[str], int, int], object]

# The shell gets the pipe as its stdin and the list as its stdout. It starts the guardian in the
# background and ends at once. As a child of jitbuild, the guardian would be an unknown child of the
# program by which `jitbuild run` replaces itself.
#
# /proc/PID/stat has the program's name in parentheses, then the state, the parent, the process
# group and the session (proc(5)).
_SCRIPT = r"""
end_all() {
    for leader in $leaders; do
        kill -s "$1" -- "-$leader"
    done
    for file in /proc/[0-9]*/stat; do
        read -r line < "$file" || continue
        set -- "$1" ${line##*) }
        case " $leaders " in
            *" $5 "*) kill -s "$1" -- "-$4" ;;
        esac
    done
}
exec 3<&0 4<&1
(
    trap '' HUP INT QUIT TERM
    exec 3<&-
    read -r end
    read -r leaders <&4
    [ "$leaders" ] || exit
    end_all TERM
    sleep 1
    end_all KILL
) <&3 >/dev/null 2>&1 &
"""


class _Descriptors(NamedTuple):
    """The file descriptors of the guardian's pipe, and of the file with the list."""

    pipe: int
    groups: int


class Guardian:
    """The list of the process groups that run, and the guardian that ends them.

    `launch` runs a command to its end; its parameters are the arguments, the standard input and the
    standard output. It raises OSError if the command fails. Without `launch`, there is no guardian.
    """

    def __init__(self, launch: Launcher | None = None) -> None:
        self._launcher = launch
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._launched = False
        self._descriptors: _Descriptors | None = None
        self._leaders: set[int] = set()
        self._starting: set[int] = set()

    def launch(self) -> None:
        """Start the guardian on the first call; without a shell or a temporary folder, do nothing.

        It takes some milliseconds, so call this method before anything is measured.
        """
        with self._lock:
            if self._launcher is not None and not self._launched:
                self._launched = True
                with contextlib.suppress(OSError):
                    self._descriptors = _start(self._launcher)

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """While the block runs, this thread starts a command, and then calls `add`."""
        self._starting.add(threading.get_ident())
        try:
            yield
        except BaseException:
            self._change(set.discard, 0)  # the fork has listed itself, but became no command
            raise
        finally:
            self._starting.discard(threading.get_ident())

    def add(self, leader: int) -> None:
        """Add the process group that `leader` leads to the list."""
        self._change(set.add, leader)

    def remove(self, leader: int) -> None:
        """Remove a process group from the list."""
        self._change(set.discard, leader)

    def after_fork(self) -> None:
        """Forget the guardian in a fork of this process, which may get a guardian of its own.

        If the fork kept the pipe open, the guardian would also wait for the end of the fork. A fork
        that becomes a command first adds itself to the list: if jitbuild is killed at this moment,
        nobody else would.
        """
        if threading.get_ident() in self._starting:
            self._write(self._leaders | {os.getpid()})
        descriptors = self._descriptors
        self._reset()  # the lock, too: a thread that the fork does not have may hold it
        for descriptor in descriptors or ():
            os.close(descriptor)

    def _change(self, change: Callable[[set[int], int], None], leader: int) -> None:
        with self._lock:
            change(self._leaders, leader)
            self._write(self._leaders)

    def _write(self, leaders: set[int]) -> None:
        if self._descriptors is not None:
            line = f"{' '.join(map(str, leaders))}\n".encode()
            with contextlib.suppress(OSError):  # the disk is full
                os.pwrite(self._descriptors.groups, line, 0)


def _start(launch: Launcher) -> _Descriptors:
    """Start a guardian. Raises OSError if that fails."""
    reading, pipe = os.pipe()
    try:
        groups = _new_file()
        try:
            launch(["/bin/sh", "-c", _SCRIPT], reading, groups)
        except OSError:
            os.close(groups)
            raise
    except OSError:
        os.close(pipe)
        raise
    finally:
        os.close(reading)
    return _Descriptors(pipe, groups)


def _new_file() -> int:
    """Return the descriptor of a new file without a name; on Linux, it is only in memory."""
    if sys.platform == "linux" and hasattr(os, "memfd_create"):
        return os.memfd_create("jitbuild")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
