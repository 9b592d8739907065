"""The interpreters and modes that a noxfile requests, and the names of its sessions.

Noxfiles import this module, so it imports nothing heavy at the top.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from jitbuild import modes, setting_lists
from jitbuild.errors import UsageError
from jitbuild.modes import parse_modes
from jitbuild.request import Axes, Jit, Profile, Request, parse
from jitbuild.sessions.missing_policy import Policy, check_policy

if TYPE_CHECKING:
    from jitbuild.modes import Mode


class InterpreterRequest(NamedTuple):
    """An interpreter that sessions need: the request, and the stated axes and policy."""

    request: Request
    jit: Jit | None = None
    profile: Profile | None = None
    policy: Policy | None = None

    @property
    def name(self) -> str:
        """The request as it was typed, with the stated axes.

        It is the same on every machine and after every patch release.
        """
        return "-".join([self.request.text, *filter(None, (self.jit, self.profile))])

    @property
    def key(self) -> str:
        """A name that is unique within a noxfile."""
        return "-".join([self.name, *filter(None, (self.policy,))])

    @property
    def axes(self) -> Axes:
        """The stated axes."""
        return Axes(jit=self.jit, profile=self.profile)

    @property
    def series(self) -> str | None:
        """The series that the request names, such as `3.15`; None if it names none."""
        series = self.request.series
        return f"{series[0]}.{series[1]}" if series else None

    @property
    def selectors(self) -> frozenset[str]:
        """The texts with which `nox -p` selects this interpreter's sessions, such as `3.15`."""
        texts = {self.request.text, self.name}
        if self.series:
            texts.add(f"{self.series}{'t' * self.request.free_threaded}")
        return frozenset(texts)

    def parameter(self, mode: Mode) -> str:
        """Return the parameter in the name of a session, such as `3.15-jit-on`."""
        return f"{self.name}-jit-{mode}"

    def tags(self, mode: Mode) -> list[str]:
        """Return the tags of a session.

        Tags contain underscores, because `nox -k` interprets a hyphen as minus.
        """
        tags = ["jit", f"jit_{mode}"]
        if self.series:
            threads = "t" if self.request.free_threaded else ""
            tags.append(f"py{self.series.replace('.', '')}{threads}")
        elif self.request.kind == "branch":
            tags.append(f"py_{self.request.value}")
        return tags


def requested_interpreters(
    pythons: Iterable[str] | None,
    *,
    jit: Jit | None = None,
    profile: Profile | None = None,
    policy: Policy | None = None,
) -> list[InterpreterRequest]:
    """Return the requests in `pythons` without duplicates.

    If `pythons` is None, the setting `pythons` is used. Raise UsageError if there are no requests,
    RequestError if a text is not a request, SettingsError if the setting is invalid, and
    VariantError if a variant cannot exist.
    """
    stated = None if pythons is None else [parse(text) for text in _texts("pythons", pythons)]
    parsed = setting_lists.pythons() if stated is None else stated
    if not parsed:
        raise UsageError(
            "No Pythons are named for the sessions.",
            remedy='Name them: pythons=["3.14", "3.15"], or `pythons` in [tool.jitbuild] of '
            "pyproject.toml.",
        )
    check_policy(policy)
    requests = [
        InterpreterRequest(request, jit, profile, policy) for request in dict.fromkeys(parsed)
    ]
    for request in requests:
        request.axes.variant(request.request)  # raises VariantError if the variant cannot exist
    return requests


def requested_modes(names: Iterable[str] | None) -> list[Mode]:
    """Return the modes `names` without duplicates.

    If `names` is None, the setting `modes` is used. If the setting is not set either, the modes are
    `off` and `on`. Raise UsageError for an unknown mode, and SettingsError if the setting is
    invalid.
    """
    stated = setting_lists.modes() if names is None else parse_modes(_texts("modes", names))
    return list(dict.fromkeys(stated or ("off", "on")))


def check_mode(request: InterpreterRequest, mode: Mode) -> None:
    """Raise VariantError if every interpreter that fits `request` would ignore `mode`."""
    has_jit = not request.request.free_threaded and request.jit != "no"
    name, series = f"CPython {request.name}", request.request.series
    modes.check(mode, name, jit=has_jit, series=series, remedy="Omit the mode.")


def _texts(name: str, value: object) -> list[str]:
    """Return the texts in the argument `name` of a noxfile: one text, or an iterable of texts.

    Raise UsageError for any other value, such as the number 3.15.
    """
    items = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    texts = [item for item in items if isinstance(item, str)]
    if texts != items:
        wrong = next(item for item in items if not isinstance(item, str))
        raise UsageError(
            f"{name}: {wrong!r} is not a string.", remedy=f"Write it as {str(wrong)!r}."
        )
    return texts
