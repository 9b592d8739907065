"""Say in an error that a pin may itself be wrong, if only one publisher states it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jitbuild.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# The names of publishers in `stated-by` (docs/recipes.md), as messages write them.
_NAMES = {
    "debian": "Debian",
    "docker": "Docker's Python image",
    "pbs": "python-build-standalone",
    "sage": "SageMath",
}


@contextlib.contextmanager
def doubting(stated_by: Collection[str]) -> Iterator[None]:
    """Replace the remedy of an IntegrityError in the block if the pin itself may be wrong.

    `stated_by` are the publishers who state the pin. If there is only one, and it is not
    python.org, the remedy says so, and names the command that finds out.
    """
    try:
        yield
    except IntegrityError as error:
        if len(stated_by) != 1 or "python.org" in stated_by:
            raise
        (name,) = stated_by
        raise IntegrityError(
            error.what,
            remedy=f"Only {_NAMES.get(name, name)} states this pin, so the pin itself may be "
            "wrong: `jitbuild recipes update` settles it. Until then, do not use this file, which "
            "may also be a proxy's login page or come from a bad mirror.",
        ) from error
