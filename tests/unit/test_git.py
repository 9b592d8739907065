"""git with a fake Runner: what is fetched, how git is run, and what is refused."""

from __future__ import annotations

import pytest
from source_fakes import CATALOG, FakeGit, Warnings, described, no_process

from jitbuild import request
from jitbuild.errors import DownloadError, SourceError
from jitbuild.planning.plan import Source
from jitbuild.sources.resolve import describe


def test_main_is_a_branch_of_the_repository_in_the_recipes(tmp_path):
    git = FakeGit()
    subject = described("main", tmp_path, runner=git)
    assert (subject.version, subject.llvm_major) == ("3.16.0a0", 21)
    assert subject.source == Source(
        kind="git", digest="c" * 40, location="https://github.com/python/cpython", ref="main"
    )
    (fetch,) = [words for words in git.commands if words[0] == "fetch"]
    assert fetch[-2:] == ["https://github.com/python/cpython", "main"]
    assert "--depth=1" in fetch


def test_a_password_in_a_url_is_used_and_not_recorded(tmp_path):
    git = FakeGit()
    url = "https://me:pw@host.example/cpython"
    subject = described(f"git+{url}@v1", tmp_path, runner=git)
    assert subject.source.location == "https://host.example/cpython"
    assert any(url in words for words in git.commands)


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
    reporter = Warnings()
    described("git+http://host.example/cpython@main", tmp_path, runner=FakeGit(), reporter=reporter)
    assert "not encrypted" in reporter.warnings[0]
    reporter = Warnings()
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
