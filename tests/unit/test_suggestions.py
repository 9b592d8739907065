"""Suggestions for misspelt words."""

from jitbuild.system.suggestions import did_you_mean

KNOWN = ("install", "uninstall", "list")


def test_the_most_similar_word_is_suggested():
    assert did_you_mean("instal", KNOWN) == "Did you mean install? "


def test_nothing_is_suggested_for_a_word_like_no_other():
    assert did_you_mean("zzz", KNOWN) == ""


def test_a_higher_cutoff_requires_more_similarity():
    assert did_you_mean("lust", KNOWN) == "Did you mean list? "
    assert did_you_mean("lust", KNOWN, cutoff=0.9) == ""


def test_any_iterable_of_words_is_accepted():
    assert did_you_mean("lis", (word for word in KNOWN)) == "Did you mean list? "
