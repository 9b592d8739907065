"""Check the extras of requirements after pip has installed them.

pip only warns if a package has no extra of a requested name (`--with '.[tset]'`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitbuild.errors import UsageError
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def check_extras(items: Iterable[Mapping[str, Any]]) -> None:
    """Raise UsageError if a requirement names an extra that its package does not have.

    `items` are the entries of `install` in pip's installation report. They have the keys
    `requested_extras` and `metadata`, which is the package's metadata in the form of PEP 566.
    """
    from packaging.utils import canonicalize_name

    for item in items:
        metadata = item["metadata"]
        known = sorted(map(canonicalize_name, metadata.get("provides_extra", ())))
        for extra in item.get("requested_extras", ()):
            if canonicalize_name(extra) not in known:
                package = f"{metadata['name']} {metadata.get('version', '')}".strip()
                listed = f"Its extras are: {', '.join(known)}." if known else "It has no extras."
                raise UsageError(
                    f"{package} has no extra `{extra}`. {listed}",
                    remedy=f"{did_you_mean(extra, known)}Correct the requirement.",
                )
