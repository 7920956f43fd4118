"""Who asks in a browser, as ``Origin`` names it (Fetch standard): a page, or an extension."""

import re

__all__ = ["as_browsers_say", "is_extension"]

# Chromium's: 128 bits of the hash of the extension's public key, in letters from a to p.
_EXTENSION = re.compile("chrome-extension://[a-p]{32}")


def is_extension(origin: str) -> bool:
    """Tell whether an origin is that of a browser's extension, in the form that browsers send."""
    return _EXTENSION.fullmatch(origin) is not None


def as_browsers_say(origin: str) -> str:
    """Return an origin in small letters and without its scheme's own port, which none names."""
    origin = origin.lower()
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80")
