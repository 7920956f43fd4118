"""What the commands for Kamailio do: write its files, load its phones' logins."""

from collections.abc import Iterator
from pathlib import Path

from click2dial_agi.domain import kamailio_files as files
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.kamailio import Kamailio, KamailioNode
from click2dial_agi.domain.kamailio_logins import read_logins
from click2dial_agi.domain.redis_url import parse_redis_url
from click2dial_agi.exceptions import ConfigError, NotificationError
from click2dial_agi.io.kamailio import load_logins, write_file
from click2dial_agi.io.redis_client import REDIS_ERRORS

__all__ = ["load_credentials", "write_files"]

_SOURCE = Path(__file__).parents[1] / "kamailio/kamailio.cfg"

# 100,000 phones have some 3 MB; a wrong path to a log file should not fill memory.
_MAX_SIZE = 16 * 1024 * 1024


def write_files(config: Config, name: str, output: Path, directory: Path) -> Iterator[Path]:
    """Write the files of a node, and the Asterisks' part, and yield where.

    ``name`` may be empty where there is one node; ``directory`` is where Kamailio finds them.
    Raises :exc:`ConfigError` before anything is written.
    """
    kamailio = _section(config)
    node = _node(kamailio, name)
    texts = {
        "kamailio.cfg": _SOURCE.read_text("utf-8"),
        "click2dial-site.cfg": files.site(config, kamailio, node, str(directory)),
        "dispatcher.list": files.dispatcher_list(kamailio, node),
        "pjsip-kamailio.conf": files.asterisk_part(config, kamailio),
    }
    if kamailio.tls is not None:
        texts["tls.cfg"] = files.tls(kamailio.tls)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            write_file(output / file, text)
            yield output / file
    except OSError as error:
        raise ConfigError(str(output), f"a directory to write in ({error.strerror})") from error


async def load_credentials(config: Config, path: Path) -> int:
    """Load a file of logins into Redis in the place of all there were; return how many.

    Raises :exc:`ConfigError` for what is wrong with it, in which case all stays as it was, and
    :exc:`NotificationError` for a Redis that does not take it.
    """
    kamailio, redis_url = _section(config), config.errors_redis or ""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SIZE + 1)
        if len(content) > _MAX_SIZE:
            raise ConfigError(str(path), f"a file of at most {_MAX_SIZE} bytes")
        logins = read_logins(content.decode("utf-8").splitlines(), kamailio.realm)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or str(error)) from error
    except UnicodeDecodeError:
        raise ConfigError(str(path), "UTF-8 text") from None
    known = {endpoint for _, endpoint, _ in files.agents(config, kamailio)}
    for name in logins:
        if name not in known:
            raise ConfigError(f"login {name}", "an agent's endpoint: integrators' extensions")
    try:
        await load_logins(redis_url, logins)
    except REDIS_ERRORS as error:
        raise NotificationError(f"errors_redis, {parse_redis_url(redis_url)}: {error}") from error
    return len(logins)


def _section(config: Config) -> Kamailio:
    if config.kamailio is None:
        raise ConfigError("kamailio", "a section with nodes, asterisks and a secret")
    return config.kamailio


def _node(kamailio: Kamailio, name: str) -> KamailioNode:
    if not name and len(kamailio.nodes) == 1:
        return kamailio.nodes[0]
    node = kamailio.node(name)
    if node is None:
        raise ConfigError("--node", f"one of {', '.join(one.name for one in kamailio.nodes)}")
    return node
