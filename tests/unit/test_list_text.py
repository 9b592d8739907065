"""Lists in options and variables: which commas and spaces separate items."""

import pytest

from jitbuild.system.list_text import split_list


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("off,on", ["off", "on"]),
        ("off on", ["off", "on"]),
        (" off , on,,stress ", ["off", "on", "stress"]),
        ("", []),
        (",", []),
        (">=3.14,<3.16", [">=3.14,<3.16"]),
        (">=3.14, <3.16", [">=3.14,<3.16"]),
        (">= 3.14, < 3.16", [">=3.14,<3.16"]),
        (">=3.14 <3.16", [">=3.14,<3.16"]),
        ("3.13 ~= 3.14.2  != 3.14.5 main", ["3.13", "~=3.14.2,!=3.14.5", "main"]),
        ("=== 3.14.2", ["===3.14.2"]),
        ("3.13,>=3.14,<3.16", ["3.13", ">=3.14,<3.16"]),
        ("~/a.txt,~/b.txt", ["~/a.txt", "~/b.txt"]),
        ("3.13, >=3.14,<3.16 main", ["3.13", ">=3.14,<3.16", "main"]),
        ("3.13 >=3.14,<3.16,main", ["3.13", ">=3.14,<3.16", "main"]),
        ("~=3.14,!=3.14.1", ["~=3.14,!=3.14.1"]),
        ("all,-nbody", ["all", "-nbody"]),
    ],
)
def test_commas_and_spaces_separate_items_but_a_specifier_stays_whole(text, items):
    assert split_list(text) == items


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("pytest,hypothesis", ["pytest", "hypothesis"]),
        ("pytest>=8,<9,xdist", ["pytest>=8,<9", "xdist"]),
        ("requests[socks,use_chardet]>=2,pytest", ["requests[socks,use_chardet]>=2", "pytest"]),
        ("tomli; python_version < '3.11'", ["tomli; python_version < '3.11'"]),
        ("-e .", ["-e ."]),
    ],
)
def test_a_requirement_may_contain_spaces_and_the_commas_of_its_extras(text, items):
    assert split_list(text, spaces=False) == items
