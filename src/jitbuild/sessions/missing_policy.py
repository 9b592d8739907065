"""The policy for an interpreter that is not in the store: install it, fail, or adopt one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, get_args

from jitbuild.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Policy = Literal["install", "never", "adopt"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
VARIABLE = "JITBUILD_POLICY"


def check_policy(policy: str | None) -> None:
    """Raise UsageError for a policy that does not exist; None is accepted."""
    if policy is not None and policy not in POLICIES:
        raise UsageError(
            f"{policy!r} is not a policy.", remedy=f"Choose from: {', '.join(POLICIES)}."
        )


def policy_of(option: Policy | None, environ: Mapping[str, str] = os.environ) -> Policy:
    """Return the policy of JITBUILD_POLICY, else the `option` of the noxfile, else install.

    Raise SettingsError if the variable has another value.
    """
    value = environ.get(VARIABLE) or option or "install"
    for policy in POLICIES:
        if value == policy:
            return policy
    raise SettingsError(
        f"{VARIABLE}: {value!r} is not a policy.", remedy=f"Choose from: {', '.join(POLICIES)}."
    )
