"""The errors of jitbuild. Each error states a fact and a remedy, and has an exit code for scripts.

The exit codes 0 (success) and 1 (a check failed, or a difference was found) do not stand for
errors, and have no class. A test checks that all classes here have different codes. The README
lists the codes.
"""

from __future__ import annotations

from typing import ClassVar

from jitbuild.safe_text import safe_text


class JitbuildError(Exception):
    """An error that the user can do something about.

    `what` states the fact, and `remedy` tells the user what to do; both are complete sentences.
    `str()` returns both, each on its own line. Control characters in them are escaped, and secrets
    in URLs are hidden, because messages quote names, tools and servers.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, remedy: str) -> None:
        self.what = safe_text(what)
        self.remedy = safe_text(remedy)
        super().__init__(self.what)

    def __str__(self) -> str:
        return f"{self.what}\n{self.remedy}"


class UsageError(JitbuildError):
    """The command line is invalid."""

    exit_code = 2


class RequestError(JitbuildError):
    """The request has no known form, no known release fits it, or its sha256 is not known."""

    exit_code = 3


class VariantError(JitbuildError):
    """The requested variant does not exist for this version or target, or does not work there."""

    exit_code = 4


class RecipeError(JitbuildError):
    """A recipe file has an unknown key, lacks a pin, or has a value of a wrong type."""

    exit_code = 5


class SettingsError(JitbuildError):
    """A settings file or a JITBUILD_ variable contains an invalid value."""

    exit_code = 6


class DownloadError(JitbuildError):
    """A file could not be downloaded: the server cannot be reached, or it refused the request."""

    exit_code = 7


class TruncatedError(DownloadError):
    """A download kept ending early, even after it was resumed."""

    exit_code = 8


class MissingError(DownloadError):
    """The server answered that the file does not exist (HTTP 404)."""

    exit_code = 21


class IntegrityError(JitbuildError):
    """A file does not have the pinned hash. No other source is tried after this."""

    exit_code = 9


class ArchiveError(JitbuildError):
    """An archive is damaged, truncated or not an archive."""

    exit_code = 10


class UnsafeArchiveError(ArchiveError):
    """An archive would write outside the folder into which it is unpacked."""

    exit_code = 11


class SourceError(JitbuildError):
    """A source tree, git reference or distribution package is not a CPython that can be built."""

    exit_code = 12


class LLVMError(JitbuildError):
    """The LLVM that a build needs was not found, and cannot be provided."""

    exit_code = 13


class PreflightError(JitbuildError):
    """This machine lacks something that a build needs: a compiler, make, headers or disk space."""

    exit_code = 14


class BuildError(JitbuildError):
    """A build step failed."""

    exit_code = 15


class ProofError(JitbuildError):
    """The probe shows that an interpreter is not as requested; it is not added to the store."""

    exit_code = 16


class InterpreterError(JitbuildError):
    """A program that should be a Python interpreter cannot be run, or does not behave like one."""

    exit_code = 17


class NotInstalledError(JitbuildError):
    """No interpreter in the store fits the request."""

    exit_code = 18


class StoreError(JitbuildError):
    """The store cannot be read or written."""

    exit_code = 19


class DiskFullError(StoreError):
    """A disk is full: that of the store, or that to which the output is written."""

    exit_code = 20


class ComparisonError(JitbuildError):
    """A command was run in several modes, but the results contain nothing that can be compared."""

    exit_code = 22


class MeasurementError(JitbuildError):
    """A measurement failed, timed out or ran in the wrong mode, or a file contains no usable
    values.
    """

    exit_code = 23


class OperatingSystemError(JitbuildError):
    """The operating system refused something: a path cannot be used, or a resource is used up."""

    exit_code = 24


class SignatureError(JitbuildError):
    """A Sigstore signature does not show that the expected signer signed, or cannot be made."""

    exit_code = 25


class MissingExtraError(JitbuildError):
    """An optional package is needed for what was asked, and is not installed."""

    exit_code = 26


class RegistryError(JitbuildError):
    """A registry refused a request, or sent an answer that is not as specified."""

    exit_code = 27
