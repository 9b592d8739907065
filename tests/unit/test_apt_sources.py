"""The sources of the machine's apt, in both formats of sources.list(5)."""

from __future__ import annotations

from apt_fakes import DEB822

from jitbuild.sources.apt_sources import AptSource, read_sources


def test_only_the_sources_of_the_distribution_are_read_from_deb822(apt_folder):
    first, security = read_sources(apt_folder)
    assert first == AptSource(
        uris=("http://mirror.example/debian",),
        suites=("bookworm", "bookworm-updates"),
        components=("main",),
        options=(("signed-by", "/usr/share/keyrings/debian-archive-keyring.gpg"),),
    )
    assert security.suites == ("bookworm-security",)


def test_the_one_line_format_is_read(apt_folder):
    (apt_folder / "sources.list.d/debian.sources").unlink()
    (apt_folder / "sources.list").write_text(
        "# deb http://commented.example/ubuntu noble main\n"
        "deb [ arch=amd64,arm64 signed-by=/a.gpg,/b.gpg ] http://mirror.example/ubuntu noble"
        " main restricted universe # why\n"
        "deb-src [signed-by=/a.gpg,/b.gpg] http://mirror.example/ubuntu noble main universe\n"
        "deb cdrom:[Ubuntu 24.04]/ noble main\n"
        "deb http://flat.example/ ./\n"
        "rubbish\n"
    )
    (apt_folder / "sources.list.d/more.list").write_text(
        "deb http://mirror.example/ubuntu noble-updates main\n"
    )
    (apt_folder / "sources.list.d/off.list.disabled").write_text(
        "deb http://off.example/ubuntu noble main\n"
    )
    sources = read_sources(apt_folder)
    assert [(source.uris, source.suites, source.components) for source in sources] == [
        (("http://mirror.example/ubuntu",), ("noble",), ("main", "universe")),
        (("http://mirror.example/ubuntu",), ("noble-updates",), ("main",)),
    ]
    assert sources[0].as_stanza() == (
        "Types: deb-src\n"
        "URIs: http://mirror.example/ubuntu\n"
        "Suites: noble\n"
        "Components: main universe\n"
        "signed-by: /a.gpg /b.gpg\n"
    )


def test_a_source_may_contain_its_key(apt_folder):
    key = (
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY865\n -----END PGP PUBLIC KEY BLOCK-----"
    )
    (apt_folder / "sources.list.d/debian.sources").write_text(
        "Types: deb\nURIs: http://m.example/debian\nSuites: sid\nComponents: main\n"
        f"Signed-By:\n{key}\nEnabled: yes\n"
    )
    (source,) = read_sources(apt_folder)
    assert source.as_stanza().endswith(f"signed-by: \n{key}\n")


def test_a_disabled_source_is_ignored(apt_folder):
    (apt_folder / "sources.list.d/debian.sources").write_text(
        DEB822.replace("Components: main contrib", "Components: main\nEnabled: no")
    )
    assert [source.suites for source in read_sources(apt_folder)] == [("bookworm-security",)]
