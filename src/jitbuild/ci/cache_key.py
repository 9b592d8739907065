"""The key of the interpreters in the cache of a CI service."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jitbuild.planning.plan import Plan
    from jitbuild.store.store import Store
    from jitbuild.target import Host


class CacheKey(NamedTuple):
    """A key of the CI's cache, and the folders to cache under it."""

    key: str
    paths: tuple[str, ...]


def cache_key(
    plans: Sequence[Plan], store: Store, host: Host, environ: Mapping[str, str] = os.environ
) -> CacheKey:
    """Return the key of the interpreters of `plans` in `store`.

    The key depends on the plans, the image of the runner, libc, and the store's path, because an
    installed interpreter contains its own path and needs the libc that it was linked with. On
    GitHub's runners, the image is the value of the variable ImageOS; elsewhere, it is the
    distribution or the system. The weekly version of the image is not part of the key: if a new
    version breaks an interpreter, the probe detects it.
    """
    image = environ.get("ImageOS") or "-".join(host.distro[:1]) or host.target.system
    facts = [sorted({plan.key for plan in plans}), image, host.libc, str(store.root)]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    folders = dict.fromkeys(str(store.interpreters / plan.prefix_name) for plan in plans)
    return CacheKey(key=f"jitbuild-{host.target}-{image}-{digest[:16]}", paths=tuple(folders))
