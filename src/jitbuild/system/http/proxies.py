"""Decide which hosts need no proxy, by the list in NO_PROXY.

httpx has the same feature, but fails if the list contains an IPv6 address or a range of addresses.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_PORT = re.compile(r"^(\[[^]]*\]|[^:]*):(\d{1,9})$")


def bypasses(no_proxy: str, host: str, port: int) -> bool:
    """Return True if a connection to `host` and `port` uses no proxy.

    `no_proxy` is a list of entries, separated by commas or spaces. An entry is `*`, a domain (which
    includes the domains below it), an address, or a range of addresses such as `10.0.0.0/8` or
    `fd00::/8`. A domain or an address may be followed by a port; an IPv6 address is then in
    brackets. Other entries are ignored.
    """
    name = host.strip("[]").rstrip(".").lower()
    return any(_matches(entry, name, port) for entry in re.split(r"[,\s]+", no_proxy) if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    entry = _SCHEME.sub("", entry.lower()).rstrip("/")
    if entry == "*":
        return True
    if match := _PORT.match(entry):
        if int(match[2]) != port:
            return False
        entry = match[1]
    with contextlib.suppress(ValueError):
        network = ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False)
        return _address_in(host, network)
    domain = entry.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _address_in(host: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:  # `host` is a name, and names are not resolved
        return False
