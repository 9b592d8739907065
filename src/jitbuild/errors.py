"""The one tree of errors: what went wrong, what to do about it, and the exit code that says so to a script.

Exit codes 0 (done), 1 (the thing asked about is not so) and 2 (usage) are the command line's own; every class here has a
code of its own, and a test keeps them apart. The README lists them.
"""

from __future__ import annotations

from typing import ClassVar


class JitbuildError(Exception):
    """Something the person can act on.

    `what` says what happened, `remedy` what to do about it; both are whole sentences and `str()` is the two of them.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n{self.remedy}"


class UsageError(JitbuildError):
    """The command line cannot be understood."""

    exit_code = 2


class RequestError(JitbuildError):
    """The request is not a version, a specifier, a path or a git reference, or no known tag fits it."""

    exit_code = 3


class VariantError(JitbuildError):
    """The variant that was asked for does not exist for this version or target, or is known to be wrong."""

    exit_code = 4


class RecipeError(JitbuildError):
    """A recipe file has an unknown key, a missing pin or a wrong type."""

    exit_code = 5


class SettingsError(JitbuildError):
    """A settings file or a JITBUILD_ variable holds something that cannot be used."""

    exit_code = 6


class DownloadError(JitbuildError):
    """A file could not be had: the place cannot be reached, or does not have it."""

    exit_code = 7


class TruncatedError(DownloadError):
    """A download ended before it was whole, and resuming did not help."""

    exit_code = 8


class MissingError(DownloadError):
    """The place answers, and does not have the file."""

    exit_code = 21


class IntegrityError(JitbuildError):
    """The bytes are not those that the pin names. Nothing else is tried after this."""

    exit_code = 9


class ArchiveError(JitbuildError):
    """An archive is damaged or is not what it says it is."""

    exit_code = 10


class UnsafeArchiveError(ArchiveError):
    """An archive wants to write outside the folder it is unpacked into."""

    exit_code = 11


class SourceError(JitbuildError):
    """A source tree, git reference or distribution package is not a CPython that can be built."""

    exit_code = 12


class LLVMError(JitbuildError):
    """The LLVM that the tree needs is neither found nor to be had."""

    exit_code = 13


class PreflightError(JitbuildError):
    """This machine lacks something that the build needs: a compiler, make, headers, disk space."""

    exit_code = 14


class BuildError(JitbuildError):
    """A build step failed."""

    exit_code = 15


class ProofError(JitbuildError):
    """An interpreter was built or found, and the probe says that it is not what was asked for: it is not kept."""

    exit_code = 16


class InterpreterError(JitbuildError):
    """A program that should be a Python interpreter cannot be run, or does not answer like one."""

    exit_code = 17


class NotInstalledError(JitbuildError):
    """No interpreter in the store fits the request."""

    exit_code = 18


class StoreError(JitbuildError):
    """The store cannot be read or written."""

    exit_code = 19


class DiskFullError(StoreError):
    """The disk that holds the store or the scratch folder is full."""

    exit_code = 20


class ComparisonError(JitbuildError):
    """A command was run in several modes, and its runs hold nothing that could be compared."""

    exit_code = 22


class MeasurementError(JitbuildError):
    """What was to be measured fails, takes too long or did not run in its mode, or a file holds no measurements that fit."""

    exit_code = 23
