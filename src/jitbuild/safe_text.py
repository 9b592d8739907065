"""Make text safe to show: escape what controls a terminal, and hide the secrets in URLs.

Messages quote text of others: names of files and tests, the output of tools, answers of servers.
`safe_text` is applied where messages are made (`errors.py`) and where text is printed or reported.
It knows only the text. Values that are addresses have a type that hides more: `system/urls.py`.

Every command imports this module, and few texts need a regular expression. So they are text, which
`re` compiles when it is first used, and then keeps.
"""

from __future__ import annotations

import re

HIDDEN = "***"

# C0 and C1 controls and DEL except tab and newline; characters that change the direction of text
# (Unicode's Bidi_Control); the line separators of Unicode.
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_LINE_BREAKS = "[\t\n]"
# A line that GitHub Actions would take for a command (its runner's ActionCommand.cs).
_WORKFLOW_COMMAND = (
    r"(?im)^(\s*)::(?=(?:error|warning|notice|debug|group|endgroup|echo|[a-z]+-[a-z-]+)\b)"
)
# The older form of these commands, which the runner finds anywhere in a line. Other CI systems know
# it with a word before the bracket.
_OLD_COMMAND = r"##(?=\w*\[)"
# A URL up to its user and password. pathlib makes one slash of two. The limit of the scheme's
# length, and the search for an @ ahead, keep the time linear for long texts.
_USER = r"(?i)(\b[a-z][a-z0-9+.-]{0,30}[a-z0-9]:/{1,2})(?!\*)(?=[^/\s]*@)([^/\s:@]*)(:?[^/\s]*)@"
# What follows the colon is no port. Thus it is the begin of a password with a slash, ? or # that
# ought to be percent-encoded, and nothing shows where the password ends.
_BROKEN_USER = (
    r"(?<=:/)(/?)(?![^/\s]*\*\*\*@)[^/\s:\[\]@?#]*:(?!(?:[0-9]*|port|PORT)(?:[^\w%+~!$&*=-]|$))\S*"
)
# The same without a scheme: user:password@host or //user:password@host.
_BARE_USER = r"(?:(?<![\w/\\@:.+-])|(?<=//))[\w.+-]+:[^\s/\\@:'\"*]+@(?=[\w.-])"
# Of several URLs that no space separates, `url` is the last one before the question mark. This
# keeps the time linear.
_QUERY = r"(?P<url>\w:/(?:(?!\w:/)[^\s?#])*[?])(?!\*\*\*)\S*[^\s.,:)\]}>'\"`]"
# The value of a parameter in a URL, except for punctuation of the text around the URL.
_VALUE = r"[^&#;|\s]+?(?=[.,:)\]}>'\"`]*(?:[&#;|\s]|$))"
_PARAMETER = (
    r"(?:[\w.~%-]*(?:token|secret|signature|passw(?:or)?d|pwd|credential|apikey|api[_-]key)"
    r"[\w.~%-]*|(?:[\w.~%-]*[_.-])?(?:sig|key|auth|pass|code))"
)
_SECRET_PARAMETER = (
    rf"(?i)(?<=[?&;|#])(?P<name>{_PARAMETER})=(?:(?P<quote>['\"]).*?(?P=quote)|{_VALUE})"
)


def safe_text(text: str) -> str:
    """Return the message `text` with control characters escaped, and with secrets as `***`.

    Tabs and newlines are kept. Besides what `hide_secrets` hides, everything after the question
    mark of a URL counts as secret, and what stands before the @ in `user:password@host`.
    """
    text = hide_secrets(text)
    if "@" in text:
        text = re.sub(_BARE_USER, f"{HIDDEN}@", text)
    if "?" in text:
        text = re.sub(_QUERY, rf"\g<url>{HIDDEN}", text)
    return escape_controls(text)


def safe_result(text: str) -> str:
    """Return `text`, a part of a result, with control characters escaped and with secrets as `***`.

    Results name tests and benchmarks, which may contain addresses and must stay different from each
    other. Therefore less is hidden than in messages.
    """
    return escape_controls(hide_secrets(text))


def escape_controls(text: str, *, one_line: bool = False) -> str:
    r"""Return `text` with control characters as escape sequences such as `\x1b`.

    Tabs and newlines are escaped only if `one_line` is True. The beginning of a line that would be
    a command of GitHub Actions, such as `::add-mask::` or `##[add-mask]`, is escaped, too.
    """
    # Characters that `_CONTROLS` matches are not printable.
    if not text.replace("\n", "").isprintable():
        text = re.sub(_CONTROLS, _escape, text)
    if "##" in text:
        text = re.sub(_OLD_COMMAND, r"\\x23#", text)
    if "::" in text:
        text = re.sub(_WORKFLOW_COMMAND, r"\1\\x3a:", text)
    return re.sub(_LINE_BREAKS, _escape, text) if one_line else text


def hide_secrets(text: str) -> str:
    """Return `text` with `***` in place of the secrets in the URLs that it contains.

    These are the user and the password of a URL, and the values of parameters whose names are usual
    for secrets, such as `access_token`, `X-Amz-Signature` and `sig`.
    """
    if ":/" in text:
        text = re.sub(_BROKEN_USER, rf"\1{HIDDEN}", re.sub(_USER, _hidden_user, text))
    if "=" in text:
        text = re.sub(_SECRET_PARAMETER, rf"\g<name>={HIDDEN}", text)
    return text


def safe_data(value: object) -> object:
    """Return data for JSON in which every string has its secrets hidden; `value` is unchanged."""
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, dict):
        return {safe_data(key): safe_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [safe_data(item) for item in value]
    return value


def json_escaped(text: str) -> str:
    r"""Return a text in JSON, with `\u009b` in place of the controls that JSON leaves as they are.

    The commands of GitHub Actions that may stand within a line are escaped, too. In valid JSON,
    both occur only in strings.
    """
    text = re.sub(_CONTROLS, lambda match: f"\\u{ord(match[0]):04x}", text)
    return re.sub(_OLD_COMMAND, r"\\u0023#", text)


def _hidden_user(match: re.Match[str]) -> str:
    scheme, user, password = match.groups()
    if not scheme.lower().endswith("ssh://") or not user:
        return f"{scheme}{HIDDEN}@"
    # The user of ssh is kept, because it is a part of the address and usually no secret.
    return f"{scheme}{user}:{HIDDEN}@" if password else f"{scheme}{user}@"


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
