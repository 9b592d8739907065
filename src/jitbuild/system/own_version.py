"""The version of jitbuild itself."""


def own_version() -> str:
    """Return the version of jitbuild; `unknown` if it is run without being installed."""
    from importlib import metadata  # it is slow to import

    try:
        return metadata.version("jitbuild")
    except metadata.PackageNotFoundError:
        return "unknown"
