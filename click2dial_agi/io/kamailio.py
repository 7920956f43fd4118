"""What passes between us and Kamailios: their files, and their phones' logins."""

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click2dial_agi.domain.kamailio_logins import LOGINS_KEY
from click2dial_agi.io.redis_client import connect

__all__ = ["load_logins", "write_file"]

# Debian's; Kamailio does not run as root and has to read its files.
_GROUP = "kamailio"

# A command's, which nobody but the operator waits for.
_TIMEOUT = 5.0

_FRESH = f"{LOGINS_KEY}:new"


def write_file(path: Path, text: str) -> None:
    """Replace a file as a whole, for its owner and Kamailio alone.  Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    if os.geteuid() == 0:
        # Without a Kamailio on this machine, whoever copies the files sees to it.
        with contextlib.suppress(LookupError):
            shutil.chown(fresh, group=_GROUP)
    os.chmod(fresh, 0o640)
    fresh.replace(path)


async def load_logins(redis_url: str, logins: Mapping[str, str]) -> None:
    """Put these logins in the place of all there were, in one step.

    Raises one of ``REDIS_ERRORS``.
    """
    redis = connect(redis_url, _TIMEOUT)
    fields: dict[Any, Any] = dict(logins)
    try:
        async with redis.pipeline(transaction=True) as pipe:
            pipe.delete(_FRESH)
            pipe.hset(_FRESH, mapping=fields)
            pipe.rename(_FRESH, LOGINS_KEY)
            await pipe.execute()
    finally:
        await redis.aclose()
