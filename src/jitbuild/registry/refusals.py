"""The errors for what a registry refuses, and for a registry that cannot be reached."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError, IntegrityError, RegistryError
from jitbuild.registry.credentials import LOG_IN
from jitbuild.system.http.transfer_errors import without_mirror
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jitbuild.registry.repository import Repository
    from jitbuild.system.http.small_request import Answer

_MOST_CHARACTERS = 300
# How old and new versions of OpenSSL describe a server that answers in plain HTTP.
_NO_TLS = ("WRONG_VERSION_NUMBER", "wrong version number", "record layer failure")


def refused(repository: Repository, what: str, answer: Answer) -> RegistryError:
    """Return the error for a registry that refused `what` with `answer`."""
    remedies = {
        401: LOG_IN,
        403: f"Check that you may do this with {repository}. {LOG_IN}",
        404: "Check the name of the repository.",
    }
    return RegistryError(
        f"The registry {repository.host} refused {what}: HTTP {answer.status}{_reason(answer)}.",
        remedy=remedies.get(answer.status, "Ask those who run the registry."),
    )


def _reason(answer: Answer) -> str:
    """Return the first error in the body of `answer`, in parentheses; "" if there is none.

    OCI distribution specification 1.1, "Error codes".
    """
    try:
        error = parse_json(answer.body)["errors"][0]
        text = " ".join(f"{error.get('code', '')}: {error.get('message', '')}".split())
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""
    return f" ({text[:_MOST_CHARACTERS]})"


@contextlib.contextmanager
def registry_errors(repository: Repository) -> Iterator[None]:
    """Give the network's errors in the block the remedies that fit a registry."""
    try:
        with without_mirror(
            "The registry has lost this file. Push the interpreter or the stencils again."
        ):
            yield
    except IntegrityError as error:  # a lock file or a manifest states what was expected
        raise IntegrityError(
            error.what, remedy="Do not use this registry until you know why."
        ) from error
    except DownloadError as error:
        if not any(text in error.what for text in _NO_TLS):
            raise
        raise type(error)(
            error.what,
            remedy=f"If the registry has no TLS, write http://{repository.host}/{repository.name}.",
        ) from error
