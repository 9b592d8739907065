"""Find out where this jitbuild was installed from, so that CI files can name the same place.

pip records the place in direct_url.json (PEP 610); only for a package from an index, there is no
such file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild.errors import JitbuildError, UsageError
from jitbuild.sources.git_command import Git
from jitbuild.system import process, urls
from jitbuild.system.parsing import parse_json
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_GITHUB = re.compile(r"https?://(?:www\.)?github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")
_SSH = re.compile(r"(?:ssh://)?[\w.-]+@([\w.-]+)(?::\d+/|[:/])(?!/)(.+)")
_ACTION = re.compile(r"[\w.-]+/[\w.-]+@[\w./-]+")
# The labels of a project's address in its metadata, in lower case.
_LABELS = ("repository", "source", "source code", "homepage")


@dataclass(frozen=True, kw_only=True, slots=True)
class JitbuildOrigin:
    """The place of a jitbuild: `url` is its repository, and `ref` a commit or a tag in it.

    `requirement` is a requirement with which pip installs this jitbuild on other machines. A value
    that is not known is an empty string.
    """

    url: str = ""
    ref: str = ""
    requirement: str = ""


def action_of(stated: str | None, origin: JitbuildOrigin) -> str:
    """Return the repository of the setup-jitbuild action with a reference: `OWNER/REPO@REF`.

    It is `stated`, else that of `origin`. Raise UsageError if `stated` has another form, and if
    nothing is stated and `origin` is not on GitHub.
    """
    if stated is not None:
        if not _ACTION.fullmatch(stated):
            raise UsageError(
                f"--action: {stated!r} does not name a repository and a reference.",
                remedy="Write --action OWNER/REPO@REF, where REF is a commit or a tag.",
            )
        return stated
    match = _GITHUB.fullmatch(origin.url)
    if not (match and origin.ref):
        raise UsageError(
            "The workflow uses jitbuild's action setup-jitbuild, whose repository is not known: "
            "this jitbuild was not installed from a commit of a repository on GitHub.",
            remedy="Name the repository and a commit: --action OWNER/REPO@COMMIT",
        )
    return f"{match[1]}@{origin.ref}"


def requirement_of(stated: str | None, origin: JitbuildOrigin) -> str:
    """Return the requirement with which pip installs jitbuild in a job.

    It is `stated`, else that of `origin`. Raise UsageError if neither is known.
    """
    requirement = stated or origin.requirement
    if not requirement:
        raise UsageError(
            "The jobs install jitbuild with pip, and the requirement is not known: this jitbuild "
            "was installed from a folder or a file of this machine.",
            remedy="Name it: --requirement 'git+https://HOST/OWNER/REPO@COMMIT', or the name of a "
            "package in an index.",
        )
    return requirement


def find_origin(runner: process.Runner = process.run) -> JitbuildOrigin:
    """Return the origin of the installed jitbuild."""
    try:
        return origin_of(distribution("jitbuild"), runner)
    except PackageNotFoundError:
        return JitbuildOrigin()


def origin_of(installed: Distribution, runner: process.Runner) -> JitbuildOrigin:
    """Return the origin of the distribution `installed`.

    If it was installed from a clone of a repository, the origin is that of the clone, provided that
    the remote repository has its current commit.
    """
    text = installed.read_text("direct_url.json")
    if text is None:
        return JitbuildOrigin(
            url=_project_url(installed),
            ref=f"v{installed.version}",
            requirement=f"jitbuild=={installed.version}",
        )
    try:
        direct = parse_json(text)
        return _direct_origin(str(direct["url"]), direct, runner)
    except (ValueError, TypeError, KeyError, JitbuildError):
        return JitbuildOrigin()


def _direct_origin(url: str, direct: dict[str, Any], runner: process.Runner) -> JitbuildOrigin:
    if "vcs_info" in direct:
        return _repository(url, str(direct["vcs_info"]["commit_id"]))
    if urls.scheme_of(url) == "file":
        return _clone_origin(Path(urls.path_of_file_url(url)), runner)
    is_remote = urls.scheme_of(url) in {"http", "https"}
    return JitbuildOrigin(requirement=f"jitbuild @ {Address(url).public}" if is_remote else "")


def _clone_origin(folder: Path, runner: process.Runner) -> JitbuildOrigin:
    """Return the origin of the clone `folder`; an empty origin if it is not a clone."""
    if not (folder / ".git").exists():
        return JitbuildOrigin()
    git = Git(folder, runner)
    commit = git.commit("HEAD")
    branches = git.output("branch", "--remotes", "--contains", commit)
    url = git.output("config", "--get", "remote.origin.url").strip()
    return _repository(url, commit) if branches.strip() else JitbuildOrigin()


def _repository(url: str, commit: str) -> JitbuildOrigin:
    """Return the origin for a commit of a repository; an empty origin if its URL is a path."""
    if match := _SSH.fullmatch(url):  # the jobs of a CI have no key
        url = f"https://{match[1]}/{match[2]}"
    url = Address(url).public
    if urls.scheme_of(url) not in {"http", "https"}:
        return JitbuildOrigin()
    return JitbuildOrigin(url=url, ref=commit, requirement=f"jitbuild @ git+{url}@{commit}")


def _project_url(installed: Distribution) -> str:
    """Return the address of the repository in the metadata of `installed`, or an empty string."""
    entries = (entry.partition(", ") for entry in installed.metadata.get_all("Project-URL") or ())
    found = {label.lower(): url for label, _, url in entries}
    return next((found[label] for label in _LABELS if label in found), "")
