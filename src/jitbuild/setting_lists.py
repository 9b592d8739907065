"""The settings that are lists: the Pythons and the modes of nox sessions and CI matrices.

Noxfiles import this module, so it imports nothing heavy at the top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild import settings
from jitbuild.errors import RequestError, SettingsError
from jitbuild.modes import parse_modes
from jitbuild.request import parse

if TYPE_CHECKING:
    from jitbuild.modes import Mode
    from jitbuild.request import Request


def pythons() -> list[Request] | None:
    """Return the requests in the setting `pythons`, or None if it is not set.

    Raises SettingsError if the setting is empty, or if one of its items is not a request.
    """
    setting = settings.get("pythons")
    if setting is None:
        return None
    try:
        requests = [parse(text) for text in setting.items]
    except RequestError as error:
        raise SettingsError(f"{setting.origin}: {error.what}", remedy=error.remedy) from error
    if not requests:
        raise SettingsError(
            f"{setting.origin}: no Python is named.",
            remedy="Name at least one, for example: 3.14 3.15",
        )
    return requests


def modes() -> list[Mode] | None:
    """Return the modes in the setting `modes`, or None if it is not set.

    Raises SettingsError if the setting is empty, or if one of its items is not a mode.
    """
    setting = settings.get("modes")
    return parse_modes([setting.value], origin=setting.origin) if setting else None
