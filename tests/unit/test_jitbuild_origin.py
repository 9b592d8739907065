"""ci/jitbuild_origin.py: the place from which pip installed jitbuild."""

import json
from email.message import Message

import pytest

from jitbuild.ci.jitbuild_origin import JitbuildOrigin, action_of, origin_of, requirement_of
from jitbuild.errors import UsageError
from jitbuild.system.process import Completed

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeDistribution:
    """Stand for an installed jitbuild 1.2 with a direct_url.json and addresses in its metadata."""

    version = "1.2"

    def __init__(self, direct_url=None, urls=()):
        self.direct_url = direct_url if direct_url is None else json.dumps(direct_url)
        self.metadata = Message()
        for url in urls:
            self.metadata["Project-URL"] = url

    def read_text(self, name):
        assert name == "direct_url.json"
        return self.direct_url


def no_git(*_, **__):
    pytest.fail("git was started")


def fake_git(**outputs):
    """Return a runner that answers the command `git NAME` with the output NAME."""

    def run(argv, /, *, cwd, env, timeout):
        (name,) = {"rev-parse", "branch", "config"} & set(argv)
        text = outputs[name.replace("-", "_")]
        return Completed(argv=tuple(argv), returncode=int(text is None), stdout=text or "")

    return run


def vcs(url):
    return {"url": url, "vcs_info": {"vcs": "git", "commit_id": COMMIT}}


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/someone/jitbuild",
        "https://github.com/someone/jitbuild.git",
        "https://token@github.com/someone/jitbuild/",
        "ssh://git@github.com/someone/jitbuild.git",
        "git@github.com:someone/jitbuild.git",
    ],
)
def test_a_jitbuild_from_a_repository_is_pinned_to_its_commit(url):
    origin = origin_of(FakeDistribution(vcs(url)), no_git)
    assert action_of(None, origin) == f"someone/jitbuild@{COMMIT}"
    requirement = requirement_of(None, origin)
    assert requirement.startswith("jitbuild @ git+https://github.com/someone/jitbuild")
    assert requirement.endswith(f"@{COMMIT}")
    assert "token" not in requirement


def test_a_jitbuild_from_an_index_has_the_address_of_its_metadata_and_the_tag_of_its_version():
    urls = ["Changelog, https://example.com", "Repository, https://github.com/someone/jitbuild"]
    origin = origin_of(FakeDistribution(urls=urls), no_git)
    assert action_of(None, origin) == "someone/jitbuild@v1.2"
    assert requirement_of(None, origin) == "jitbuild==1.2"


def test_a_jitbuild_from_the_url_of_an_archive_is_installed_from_there_again():
    direct = {"url": "https://example.com/jitbuild-1.2.whl", "archive_info": {}}
    assert requirement_of(None, origin_of(FakeDistribution(direct), no_git)) == (
        "jitbuild @ https://example.com/jitbuild-1.2.whl"
    )


@pytest.fixture
def clone(tmp_path):
    (tmp_path / ".git").mkdir()
    return FakeDistribution({"url": tmp_path.as_uri(), "dir_info": {}})


def test_a_jitbuild_from_a_clone_is_pinned_to_its_pushed_commit(clone):
    git = fake_git(
        rev_parse=f"{COMMIT}\n",
        branch="  origin/main\n",
        config="git@github.com:someone/jitbuild.git\n",
    )
    assert action_of(None, origin_of(clone, git)) == f"someone/jitbuild@{COMMIT}"


@pytest.mark.parametrize(
    ("branch", "config", "rev_parse"),
    [
        ("", "https://github.com/someone/jitbuild", COMMIT),  # the commit is not pushed
        ("  origin/main", "/srv/jitbuild.git", COMMIT),
        ("  origin/main", None, COMMIT),  # no remote
        ("", "", None),  # no commit
    ],
)
def test_a_clone_that_others_cannot_reach_is_no_origin(clone, branch, config, rev_parse):
    git = fake_git(branch=branch, config=config, rev_parse=rev_parse)
    assert origin_of(clone, git) == JitbuildOrigin()


def test_a_folder_without_a_repository_of_its_own_is_no_origin(tmp_path):
    direct = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert origin_of(FakeDistribution(direct), no_git) == JitbuildOrigin()


def test_git_may_be_missing(clone):
    def missing(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    assert origin_of(clone, missing) == JitbuildOrigin()


@pytest.mark.parametrize("direct", [[], {}, {"url": 1}, {"url": "x", "vcs_info": {}}])
def test_an_unknown_form_of_direct_url_is_no_origin(direct):
    assert origin_of(FakeDistribution(direct), no_git) == JitbuildOrigin()


@pytest.mark.parametrize(
    "origin",
    [
        JitbuildOrigin(),
        JitbuildOrigin(url="https://gitlab.com/someone/jitbuild", ref=COMMIT),
        JitbuildOrigin(url="", ref="v1.2", requirement="jitbuild==1.2"),
    ],
)
def test_no_owner_is_invented(origin):
    with pytest.raises(UsageError) as caught:
        action_of(None, origin)
    assert "--action OWNER/REPO@COMMIT" in caught.value.remedy
    assert action_of("me/jitbuild@main", origin) == "me/jitbuild@main"


@pytest.mark.parametrize(
    "stated", ["me", "me/jitbuild", "me/jitbuild@", "@v1", "a/b/c@v1", "a b@c"]
)
def test_an_action_of_another_form_is_refused(stated):
    with pytest.raises(UsageError, match="does not name a repository"):
        action_of(stated, JitbuildOrigin())


def test_a_requirement_that_is_not_known_must_be_stated():
    with pytest.raises(UsageError, match="requirement is not known"):
        requirement_of(None, JitbuildOrigin())
    assert requirement_of("jitbuild", JitbuildOrigin()) == "jitbuild"
