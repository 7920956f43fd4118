"""Who asks in a browser, as ``Origin`` names it (Fetch standard): a page, or an extension."""

import re

__all__ = ["is_extension"]

# Chromium's: 128 bits of the hash of the extension's public key, in letters from a to p.
_EXTENSION = re.compile("chrome-extension://[a-p]{32}")


def is_extension(origin: str) -> bool:
    """Tell whether an origin is that of a browser's extension, in the form that browsers send."""
    return _EXTENSION.fullmatch(origin) is not None
