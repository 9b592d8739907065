"""The policy for an interpreter that is not in the store.

`install` builds it, `prebuilt` downloads one that others have built, `pull` gets it from the
registry of the settings, `never` fails, and `adopt` registers a Python on PATH.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, get_args

from jitbuild.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Policy = Literal["install", "prebuilt", "pull", "never", "adopt"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
VARIABLE = "JITBUILD_POLICY"


def check_policy(policy: str | None) -> None:
    """Raise UsageError if `policy` is neither None nor one of POLICIES."""
    if policy is not None and policy not in POLICIES:
        raise UsageError(
            f"{policy!r} is not a policy.", remedy=f"Choose from: {', '.join(POLICIES)}."
        )


def policy_of(option: Policy | None, environ: Mapping[str, str] = os.environ) -> Policy:
    """Return the policy in JITBUILD_POLICY, else the `option` of the noxfile, else `install`.

    Raise SettingsError if the value found in this order is not a policy.
    """
    value = environ.get(VARIABLE) or option or "install"
    for policy in POLICIES:
        if value == policy:
            return policy
    raise SettingsError(
        f"{VARIABLE}: {value!r} is not a policy.", remedy=f"Choose from: {', '.join(POLICIES)}."
    )
