"""git with a fake Runner: what is fetched, how git is run, and what is refused."""

from __future__ import annotations

import re

import pytest
from reporters import RecordingReporter
from source_fakes import CATALOG, FakeGit, described, no_process

from jitbuild import request
from jitbuild.errors import DownloadError, SourceError
from jitbuild.planning.plan import Source
from jitbuild.sources import git as repositories
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.sources.resolve import describe
from jitbuild.system.process import Completed


def test_main_is_a_branch_of_the_repository_in_the_recipes(tmp_path):
    git = FakeGit()
    resolved = described("main", tmp_path, runner=git)
    assert (resolved.version, resolved.llvm_major) == ("3.16.0a0", 21)
    assert resolved.source == Source(
        kind="git", digest="c" * 40, location="https://github.com/python/cpython", ref="main"
    )
    (fetch,) = [command for command in git.commands if command[0] == "fetch"]
    assert fetch[-2:] == ["https://github.com/python/cpython", "main"]
    assert "--depth=1" in fetch


def environment(url, tmp_path):
    """Return the environment in which git fetches from `url`, and the configuration in it."""
    git = FakeGit()
    described(f"git+{url}@v1", tmp_path, runner=git)
    (env,) = [env for env, words in zip(git.envs, git.commands, strict=True) if "fetch" in words]
    numbers = range(int(env["GIT_CONFIG_COUNT"]))
    pairs = [(f"GIT_CONFIG_KEY_{number}", f"GIT_CONFIG_VALUE_{number}") for number in numbers]
    return env, [(env[key], env[value]) for key, value in pairs if key in env]


def test_a_password_in_a_url_is_used_and_not_recorded(tmp_path):
    git = FakeGit()
    resolved = described("git+https://me:pw@host.example/cpython@v1", tmp_path, runner=git)
    assert resolved.source.location == "https://host.example/cpython"
    # Every user of a machine can list the arguments of processes.
    assert not any("pw" in word for command in git.commands for word in command)


def test_git_gets_a_password_by_a_credential_helper(tmp_path):
    env, configuration = environment("https://me%20too:p%25w@host.example:8443/cpython", tmp_path)
    assert (env["JITBUILD_GIT_USER"], env["JITBUILD_GIT_PASSWORD"]) == ("me too", "p%w")
    public = "https://host.example:8443/cpython"
    scope = "credential.https://host.example:8443"
    identity, reset, (key, helper) = configuration
    # The helper replaces the user in this URL.
    assert identity == ("url.https://jitbuild@host.example:8443/cpython.insteadOf", public)
    assert reset == (f"{scope}.helper", "")
    assert key == f"{scope}.helper"
    assert helper.startswith("!f() {")
    # git passes these texts to programs.
    assert not any("p%" in text or "me" in text.split() for pair in configuration for text in pair)


def test_a_user_without_a_password_does_not_replace_the_credential_helpers(tmp_path):
    _, configuration = environment("https://me@host.example/cpython", tmp_path)
    assert configuration[1:] == [("credential.https://host.example.username", "me")]


@pytest.mark.parametrize(
    ("url", "real", "public"),
    [
        ("https://me:pw@host.example/x?token=a", "https://jitbuild@host.example/x?token=a", None),
        ("https://host.example/x?token=a", "https://host.example/x?token=a", None),
        ("ssh://git:pw@host.example/x", "ssh://git:pw@host.example/x", "ssh://git@host.example/x"),
    ],
)
def test_a_query_and_a_password_of_ssh_are_passed_in_the_url(tmp_path, url, real, public):
    _, configuration = environment(url, tmp_path)
    assert configuration[0] == (f"url.{real}.insteadOf", public or "https://host.example/x")


@pytest.mark.parametrize("code", ["%00", "%0A", "%0d"])
def test_a_password_that_git_does_not_accept_is_refused(tmp_path, code):
    with pytest.raises(SourceError, match="a line break or a zero byte") as caught:
        described(f"git+https://me:hunter{code}2@host.example/x@v1", tmp_path, runner=FakeGit())
    assert "hunter" not in str(caught.value)


def test_the_configuration_in_the_environment_of_git_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "3")
    env, configuration = environment("https://me:pw@host.example/cpython", tmp_path)
    assert env["GIT_CONFIG_COUNT"] == "6"
    assert len(configuration) == 3
    assert "GIT_CONFIG_KEY_5" in env


def test_git_never_prompts_and_ignores_variables_of_another_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/elsewhere/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere/index")
    git = FakeGit()
    described("main", tmp_path, runner=git)
    for env in git.envs:
        assert (env["GIT_TERMINAL_PROMPT"], env["GIT_ASKPASS"]) == ("0", "")
        assert "ext" not in env["GIT_ALLOW_PROTOCOL"].split(":")
        assert not {"GIT_DIR", "GIT_INDEX_FILE"} & set(env)


@pytest.mark.parametrize(
    "place", ["ext::sh -c date/x", "ftp://host.example/x", "--upload-pack=/bin/sh/x", "fd::17/x"]
)
def test_urls_that_run_programs_are_refused(tmp_path, place):
    with pytest.raises(SourceError):
        described(f"git+{place}@main", tmp_path)


@pytest.mark.parametrize(
    "ref", ["-x", "--upload-pack=date", "a:b", "+main", "main^", "a b", "x..y", "@{-1}", "a\nb"]
)
def test_references_that_cannot_be_fetched_by_name_are_refused(tmp_path, ref):
    wanted = request.Request(text="x", kind="git", value="https://host.example/cpython", ref=ref)
    with pytest.raises(SourceError):
        describe(wanted, cache=tmp_path, catalog=CATALOG, runner=no_process)


def test_a_reference_that_looks_like_an_option_is_refused(tmp_path):
    with pytest.raises(SourceError, match="not a git reference"):
        described(f"{tmp_path}@-x", tmp_path)


def test_without_git_the_remedy_is_to_install_it(tmp_path):
    def missing(argv, **_):
        raise FileNotFoundError(2, "No such file or directory", "git")

    with pytest.raises(SourceError, match="git cannot be started") as raised:
        described(f"{tmp_path}@HEAD", tmp_path, runner=missing)
    assert "apt-get" in raised.value.remedy


def test_a_failed_fetch_is_a_download_error_without_the_password(tmp_path):
    git = FakeGit(
        fails=("fetch",), stderr="fatal: could not read from https://me:pw@host.example/cpython"
    )
    with pytest.raises(DownloadError, match="could not read") as raised:
        described("git+https://me:pw@host.example/cpython@main", tmp_path, runner=git)
    assert "./cpython@REF" in raised.value.remedy
    assert "pw" not in str(raised.value)


def test_an_unencrypted_url_gets_a_warning_unless_a_commit_is_named(tmp_path):
    reporter = RecordingReporter()
    described("git+http://host.example/cpython@main", tmp_path, runner=FakeGit(), reporter=reporter)
    assert "not encrypted" in reporter.warnings[0]
    reporter = RecordingReporter()
    described(
        f"git+http://host.example/cpython@{'c' * 40}", tmp_path, runner=FakeGit(), reporter=reporter
    )
    assert reporter.warnings == []


def test_an_unknown_reference_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no commit named 'nope'"):
        described(f"{tmp_path}@nope", tmp_path, runner=FakeGit(fails=("rev-parse",)))


def test_a_repository_that_is_not_a_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match="is not a folder"):
        described(tmp_path / "gone@main", tmp_path)


def test_a_commit_that_was_fetched_before_is_not_fetched_again(tmp_path):
    git = FakeGit(fetched=["c" * 40])
    resolved = described(f"git+https://host.example/cpython@{'c' * 40}", tmp_path, runner=git)
    assert resolved.source.digest == "c" * 40
    assert "fetch" not in [command[0] for command in git.commands]


@pytest.mark.parametrize("ref", ["main", "c" * 7, "d" * 40])
def test_offline_only_a_fetched_commit_is_resolved(tmp_path, ref):
    url, git = "git+https://host.example/cpython", FakeGit(fetched=["c" * 40])
    with pytest.raises(SourceError, match="does not use the network"):
        described(f"{url}@{'c' * 40}", tmp_path, runner=git, offline=True)
    described(f"{url}@main", tmp_path, runner=git)
    with pytest.raises(SourceError, match="does not use the network"):
        described(f"{url}@{ref}", tmp_path, runner=git, offline=True)
    resolved = described(f"{url}@{'c' * 40}", tmp_path, runner=git, offline=True)
    assert resolved.source.location == "https://host.example/cpython"


@pytest.mark.parametrize("shallow", [True, False])
def test_an_abbreviated_commit_is_looked_for_in_all_branches_and_tags(tmp_path, shallow):
    class OnlyWholeRepositories(FakeGit):
        def __call__(self, argv, *, cwd, env, timeout):
            if shallow:
                (cwd / "shallow").touch()
            self.fails = ("fetch",) if "--depth=1" in argv else ()
            return super().__call__(argv, cwd=cwd, env=env, timeout=timeout)

    git = OnlyWholeRepositories()
    resolved = described("git+https://host.example/cpython@ccccccc", tmp_path, runner=git)
    assert resolved.source.digest == "c" * 40
    _, everything = [command for command in git.commands if command[0] == "fetch"]
    assert ("--unshallow" in everything) == shallow
    assert everything[-2:] == ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]


def test_a_commit_that_no_server_provides_is_a_download_error(tmp_path):
    with pytest.raises(DownloadError, match="could not fetch ccccccc"):
        described(
            "git+https://host.example/cpython@ccccccc", tmp_path, runner=FakeGit(fails=["fetch"])
        )


def test_locks_and_incomplete_files_of_a_killed_git_are_removed(tmp_path):
    described("git+https://host.example/cpython@main", tmp_path, runner=FakeGit())
    (clone,) = (path for path in (tmp_path / "cache/git").iterdir() if path.is_dir())
    stale = [clone / "shallow.lock", clone / "objects/pack/tmp_pack_a"]
    stale[1].parent.mkdir(parents=True)
    for path in (*stale, clone / "objects/pack/pack-a.pack"):
        path.touch()
    described("git+https://host.example/cpython@main", tmp_path, runner=FakeGit())
    assert not [path for path in stale if path.exists()]
    assert (clone / "objects/pack/pack-a.pack").exists()


def test_a_fetch_that_exceeds_the_limit_names_it(tmp_path):
    git = FakeGit(fails=["fetch"], stderr="fatal: write error: File too large")
    with pytest.raises(DownloadError, match=r"is larger than 1\.1 GB, the most that is fetched"):
        described("git+https://host.example/cpython@main", tmp_path, runner=git)
    with pytest.raises(DownloadError, match=r"is larger than 1\.1 GB"):
        described("git+https://host.example/cpython@ccccccc", tmp_path, runner=git)
    fetches = [
        env for command, env in zip(git.commands, git.envs, strict=True) if "fetch" in command
    ]
    assert {env["LC_ALL"] for env in fetches} == {"C"}, "the reason is recognized in English"


def test_a_checkout_uses_a_repository_of_its_own(tmp_path):
    git, tree = FakeGit(), tmp_path / "tree"
    assert repositories.checkout(str(tmp_path), "c" * 40, tree, cache=tmp_path, runner=git) == tree
    assert git.commands[-1] == ["read-tree", "--reset", "-u", "c" * 40]
    assert git.envs[-1]["GIT_WORK_TREE"] == str(tree)
    assert git.envs[-1]["GIT_INDEX_FILE"] == str(tmp_path / "tree.git/index")
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://host.example/cpython", "https://host.example/cpython"),
        ("git@host.example:cpython", "git"),
    ],
)
def test_a_commit_is_obtained_by_a_checkout(tmp_path, obtained, url, origin):
    git = FakeGit()
    resolved = described(f"git+{url}@main", tmp_path, runner=git)
    tree = obtained(resolved.source, origin=ArchiveOrigin(), runner=git)
    assert (tree.origin, tree.verified) == (origin, "commit")


def test_a_failing_git_is_a_source_error_with_its_message(tmp_path):
    git = FakeGit(fails=["ls-tree"], stderr="fatal: bad object")
    with pytest.raises(SourceError, match=r"git ls-tree failed in .*: fatal: bad object"):
        described(f"{tmp_path}@main", tmp_path, runner=git)


@pytest.mark.parametrize(
    ("request_", "shown"),
    [
        ("bob:hunter2@h:x.tar.xz", "/*** is not a folder"),
        ("//bob:hunter2@h/x.tar.xz", "//*** is not a folder"),
        ("git+https:bob:hunter2@h/x@main", "/*** is not a folder"),
        ("./a b@main", "/a b is not a folder"),
    ],
)
def test_a_user_and_a_password_that_look_like_a_path_are_hidden(tmp_path, request_, shown):
    with pytest.raises(SourceError, match=re.escape(shown)) as caught:
        described(request_, tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_huge_file_of_a_commit_is_not_read(tmp_path):
    git = FakeGit()
    git.size = str(1 << 40)
    with pytest.raises(SourceError, match=r"Include/patchlevel.h in the commit c+ of .* far more"):
        described(f"{tmp_path}@main", tmp_path, runner=git)
    assert "cat-file" not in [command[0] for command in git.commands]


def test_the_files_of_a_checkout_are_its_own_whatever_its_configuration_says(tmp_path):
    git = FakeGit(files=["a"])
    repositories.list_files(tmp_path, runner=git)
    assert git.envs[0]["GIT_WORK_TREE"] == str(tmp_path)


def test_a_file_name_that_is_not_utf_8_is_refused(tmp_path):
    with pytest.raises(SourceError, match="not UTF-8"):
        repositories.list_files(tmp_path, runner=FakeGit(files=["\ufffd.py"]))


def test_files_of_a_checkout_are_listed_once(tmp_path):
    assert repositories.list_files(tmp_path, runner=FakeGit(files=["a", "b", "a"])) == ["a", "b"]


def test_only_a_fetch_may_take_any_time(tmp_path):
    git = FakeGit()
    described("git+https://host.example/cpython@v1", tmp_path, runner=git)
    limits = zip(git.commands, git.timeouts, strict=True)
    assert {timeout is None for command, timeout in limits if "fetch" in command} == {True}
    assert git.timeouts.count(None) == 1


def test_a_git_that_does_not_end_is_an_error(tmp_path):
    def hanging(argv, **_):
        return Completed(argv=tuple(argv), returncode=-15, timed_out=True)

    with pytest.raises(SourceError, match="git ls-files did not end within 120 s"):
        repositories.list_files(tmp_path, runner=hanging)


def test_a_commit_whose_files_are_far_too_large_is_refused(tmp_path):
    git = FakeGit()
    git.size = str(5 << 30)
    with pytest.raises(SourceError, match=r"have 5\.4 GB, far more"):
        repositories.checkout(str(tmp_path), "c" * 40, tmp_path / "new", cache=tmp_path, runner=git)
    assert not (tmp_path / "new").exists()
