"""The effective default of each setting, and the check of its value."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from jitbuild import recipe_folders, setting_lists, settings
from jitbuild.errors import JitbuildError, SettingsError
from jitbuild.options import CCACHE_MODES
from jitbuild.request import JITS, PROFILES, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.settings import Setting

DEFAULT = "default"
_CHOICES = {
    "ccache": CCACHE_MODES,
    "jit": JITS,
    "profile": PROFILES,
    "provider": PROVIDERS,
    "shared-store": settings.SHARED_STORE,
}


def effective(name: str) -> Setting | None:
    """Return the setting `name`; if it is not set, its default value, with the origin `default`.

    Return None if it has no default value. Raises SettingsError if a settings file is invalid.
    """
    setting = settings.get(name)
    if setting is None and (text := _default(name)):
        return settings.Setting(name=name, value=text, origin=DEFAULT)
    return setting


def error_of(setting: Setting) -> SettingsError | None:
    """Return the error that a command would raise for the value of `setting`, or None.

    The message begins with the origin of the value.
    """
    check = _CHECKS.get(setting.name)
    try:
        if setting.name in _CHOICES:
            settings.choice(setting.name, _CHOICES[setting.name])
        elif check is not None:
            check(setting.value)
    except JitbuildError as error:
        if isinstance(error, SettingsError) and error.what.startswith(setting.origin):
            return error
        return SettingsError(f"{setting.origin}: {error.what}", remedy=error.remedy)
    return None


def _default(name: str) -> str:
    """Return the default value of the setting `name`; "" if it has none."""
    if name == "home":
        from jitbuild.store.store import default_root

        with contextlib.suppress(JitbuildError):
            return str(default_root())
    if name == "recipes":
        return str(recipe_folders.recipes_folder() or "")
    if name == "jobs":
        from jitbuild.target import host

        return str(host().cpus)
    if name == "min-speed":
        from jitbuild.system.http.transfer_speed import LEAST_SPEED

        return str(LEAST_SPEED)
    return {
        "mirror": "python.org",
        "llvm": "auto",
        "ccache": "auto",
        "jit": "yes-off",
        "profile": "fast",
        "provider": "source",
        "modes": "off on",
        "shared-store": "no",
    }.get(name, "")


def _check_home(_: str) -> None:
    """Check the path of the store. Its permissions are not checked: some stores are only read."""
    from jitbuild.store import marker
    from jitbuild.toolchain.store_path import check_path

    folder = settings.folder("home")
    if folder is None:
        return
    if os.name == "posix":
        check_path(folder)
    for place in (folder, *folder.parents):
        if os.path.lexists(place) and not place.is_dir():
            raise SettingsError(f"{place} is not a folder.", remedy="Name a folder.")
    marker.check(folder)


def _check_mirror(value: str) -> None:
    from jitbuild.sources.origin import ArchiveOrigin

    if value != "python.org":
        ArchiveOrigin.parse(value)


def _check_recipes(_: str) -> None:
    from jitbuild.api import catalog

    catalog()


def _check_llvm(value: str) -> None:
    from jitbuild.toolchain.llvm import check_mode

    check_mode(value)


def _check_storage(value: str) -> None:
    from jitbuild.building.caches.ccache_settings import check_storage_url

    check_storage_url(value)


def _check_registry(value: str) -> None:
    from jitbuild.registry.repository import parse_repository

    parse_repository(value)


def _check_signer(identity: str) -> None:
    from jitbuild.registry.signers import parse_signer

    parse_signer(identity, settings.value("signed-by-issuer"))


_CHECKS: dict[str, Callable[[str], object]] = {
    "home": _check_home,
    "mirror": _check_mirror,
    "recipes": _check_recipes,
    "llvm": _check_llvm,
    "ccache-storage": _check_storage,
    "registry": _check_registry,
    "signed-by": _check_signer,
    "jobs": lambda _: settings.number("jobs"),
    "min-speed": lambda _: settings.number("min-speed", least=0),
    "modes": lambda _: setting_lists.modes(),
    "pythons": lambda _: setting_lists.pythons(),
}
