"""Lists on the command line, written with commas, with spaces, or by repeating the option."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from jitbuild.source_address import is_path
from jitbuild.system.list_text import split_list

if TYPE_CHECKING:
    from collections.abc import Sequence

# Options whose value may begin with a hyphen.
_ANY_VALUE = frozenset({"--configure-arg"})


class ListAction(argparse.Action):
    """Store the items of a list option; if the option is repeated, append them.

    Items are separated by commas and, unless `spaces` is False, also by spaces. A word that begins
    with a hyphen is an item only if its beginning matches the regular expression `hyphens`. The
    parser checks each item against `choices`.
    """

    def __init__(self, *, spaces: bool = True, hyphens: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.spaces = spaces
        self.hyphens = re.compile(hyphens) if hyphens else None

    def accepts(self, word: str) -> bool:
        """Return whether `word` can be an item, and not an option."""
        return not word.startswith("-") or bool(self.hyphens and self.hyphens.match(word))

    def items(self, text: str) -> list[str]:
        """Return the items that the word `text` contains."""
        return split_list(text, spaces=self.spaces)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        previous = getattr(namespace, self.dest)
        given = [] if previous is self.default else previous
        setattr(namespace, self.dest, [*given, *self.items(values)])


class WordsAction(argparse.Action):
    """Store the items of a positional list, which may be separated by commas as well as spaces.

    A path, which may contain commas, is one item.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        items: list[str] = []
        for word in values:
            items += [word] if is_path(word) else split_list(word, spaces=False)
        if not items and values:
            parser.error(f"argument {self.metavar or self.dest}: expected at least one item")
        setattr(namespace, self.dest, items)


class _Token:
    """A word of the command line. An option also holds its action and its values."""

    def __init__(
        self, word: str, action: argparse.Action | None = None, values: Sequence[str] = ()
    ) -> None:
        self.word = word
        self.action = action
        self.values = list(values)

    @property
    def is_positional(self) -> bool:
        return self.action is None and not self.word.startswith("-")

    @property
    def words(self) -> list[str]:
        if self.values and (isinstance(self.action, ListAction) or self.word in _ANY_VALUE):
            return [f"{self.word}={value}" for value in self.values]
        return [self.word, *self.values]


def expand_lists(words: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Return `words`, with each value of a list option joined to its option by an equals sign.

    `--modes off on` becomes `--modes=off --modes=on`, and `--configure-arg --x` becomes
    `--configure-arg=--x`. In this form, no value can be mistaken for an option or for SPEC. The
    option --configure-arg is treated like a list option.

    If SPEC is missing, the last value of the last list becomes SPEC, provided that it can be SPEC:
    in `--with pytest 3.15`, SPEC is `3.15`.

    argparse fills several positional arguments, or a positional list, from adjacent words only. The
    words are therefore put beside the first of them: `3.14 -q 3.15` becomes `3.14 3.15 -q`.
    """
    options, actions = parser._option_string_actions, parser._actions  # noqa: SLF001
    tokens = _tokens(words, options)
    positionals = [action for action in actions if not action.option_strings]
    _leave_spec(tokens, positionals)
    if len(positionals) > 1 or any(isinstance(action, WordsAction) for action in positionals):
        tokens = _with_adjacent_words(tokens)
    return [word for token in tokens for word in token.words]


def open_list(words: Sequence[str], parser: argparse.ArgumentParser) -> str | None:
    """Return the list option at the end of `words` to which the next word may belong, or None.

    If SPEC is missing, the next word is taken for SPEC, unless the list has no item yet.
    """
    tokens = _tokens(words, parser._option_string_actions)  # noqa: SLF001
    if not tokens or not isinstance(tokens[-1].action, ListAction) or not tokens[-1].values:
        return None
    return tokens[-1].word if any(token.is_positional for token in tokens) else None


def _tokens(words: Sequence[str], options: dict[str, argparse.Action]) -> list[_Token]:
    tokens: list[_Token] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        action = options.get(word)
        name, equals, value = word.partition("=")
        if equals and isinstance(options.get(name), ListAction):
            tokens.append(_Token(name, options[name], [value]))
            continue
        token = _Token(word, action)
        tokens.append(token)
        if action is None or action.nargs == 0:
            continue
        while rest and _takes(token, rest[0]):
            token.values.append(rest.pop(0))
    return tokens


def _with_adjacent_words(tokens: list[_Token]) -> list[_Token]:
    """Return `tokens` with all positional words beside the first of them."""
    first = next((index for index, token in enumerate(tokens) if token.is_positional), 0)
    words = [token for token in tokens if token.is_positional]
    rest = [token for token in tokens[first:] if not token.is_positional]
    return [*tokens[:first], *words, *rest]


def _takes(token: _Token, word: str) -> bool:
    """Return whether the option of `token` takes `word` as its next value."""
    if isinstance(token.action, ListAction):
        return token.action.accepts(word)
    return not token.values and (token.word in _ANY_VALUE or not word.startswith("-"))


def _leave_spec(tokens: list[_Token], positionals: list[argparse.Action]) -> None:
    """If there is no positional argument, make the last value of the last list one.

    Only lists of two or more values are considered. A list without `choices` gives up its last
    value only if a positional argument is required. A list with `choices` gives up its last value
    only if that value is not among the choices.
    """
    if not positionals or any(token.is_positional for token in tokens):
        return
    needed = any(action.required for action in positionals)
    for index in range(len(tokens) - 1, -1, -1):
        token = tokens[index]
        if not isinstance(token.action, ListAction) or len(token.values) < 2:
            continue
        choices = token.action.choices
        last = token.values[-1]
        if needed if choices is None else not set(split_list(last)) & set(choices):
            tokens.insert(index + 1, _Token(token.values.pop()))
        return
