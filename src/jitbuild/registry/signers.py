"""The signer that artifacts of a registry must have, as --signed-by states it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jitbuild.errors import UsageError
from jitbuild.system.signatures import Signer

if TYPE_CHECKING:
    from jitbuild.options import BuildOptions

# The identity of a workflow is its address with the git reference on which it ran
# (github.com/sigstore/fulcio, docs/oidc.md: `job_workflow_ref` and `ci_config_ref_uri`).
_GITHUB = re.compile(r"(https://github\.com/[^/]+/[^/]+)/\.github/workflows/.+@refs/.+")
_GITLAB = re.compile(r"https://gitlab\.com/.+//.+@refs/.+")
_EXAMPLE = "https://github.com/OWNER/REPO/.github/workflows/build.yml@refs/heads/main"


def parse_signer(identity: str, issuer: str | None = None) -> Signer:
    """Return the signer with this `identity`, as confirmed by `issuer`.

    The issuers of workflows at github.com and gitlab.com are known. A workflow of GitHub must have
    run in its own repository: those of others can call it as a reusable workflow. Raises UsageError
    if the identity is no possible one, or if its issuer is neither known nor given.
    """
    if not identity.strip() or not identity.isprintable():
        raise UsageError(
            f"{identity!r} is not the identity of a signer.", remedy=f"For example: {_EXAMPLE}"
        )
    if workflow := _GITHUB.fullmatch(identity):
        default = "https://token.actions.githubusercontent.com"
        return Signer(identity=identity, issuer=issuer or default, repository=workflow[1])
    if identity.startswith("https://github.com/") and not issuer:
        raise UsageError(
            f"{identity} is not the identity of a workflow.",
            remedy=f"That of a workflow names its file and a git reference: {_EXAMPLE}",
        )
    if _GITLAB.fullmatch(identity):
        return Signer(identity=identity, issuer=issuer or "https://gitlab.com")
    if not issuer:
        raise UsageError(
            f"The issuer of the identity {identity} is not known.",
            remedy="State the URL of the OpenID Connect provider that confirms it with"
            " --signed-by-issuer, such as https://accounts.google.com.",
        )
    return Signer(identity=identity, issuer=issuer)


def signer_of(options: BuildOptions) -> Signer | None:
    """Return the signer that `options` require, or None. Raises the errors of `parse_signer`."""
    if options.signed_by is not None:
        return parse_signer(options.signed_by, options.signed_by_issuer)
    if options.signed_by_issuer is not None:
        raise UsageError(
            "An issuer is stated, but no identity that it confirms.",
            remedy="State the identity with --signed-by, or omit --signed-by-issuer.",
        )
    return None
