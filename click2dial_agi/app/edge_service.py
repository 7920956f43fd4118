"""The WebSocket edge as a process of its own: ``click2dial-agi edge``."""

import asyncio
import logging
import resource
import signal
from collections.abc import Callable

from click2dial_agi.app.ending import end
from click2dial_agi.app.reloads import reload_when_asked
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.config import Edge as EdgeConfig
from click2dial_agi.domain.config_changes import needing_restart
from click2dial_agi.exceptions import ConfigError, StartupError
from click2dial_agi.io.edge import Edge
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.refusals import Refusals
from click2dial_agi.io.systemd import Systemd

__all__ = ["EDGE_GRACE", "EdgeService", "raise_file_limit"]

log = logging.getLogger(__name__)

# Browsers answer a close within a round trip; those that do not have gone.
EDGE_GRACE = 5.0

# Files that are not connections: listening sockets, Redis, logs, modules.
_OTHER_FILES = 256


class EdgeService:
    """Runs the edge alone.  ``reload`` returns the configuration anew, on SIGHUP.

    Raises :exc:`StartupError` when the configuration has no edge, or no Redis through which the
    errors of refused calls could come.
    """

    def __init__(
        self, config: Config, reload: Callable[[], Config], systemd: Systemd | None = None
    ) -> None:
        if config.edge is None:
            raise StartupError("edge: this key is required to run the edge")
        if config.edge.redis is None:
            raise StartupError("edge.redis: a Redis that this process and the server both reach")
        self._config = config.edge
        self._reload = reload
        self._systemd = systemd or Systemd({})
        self._refusals = Refusals(config.edge.redis)
        self._edge = Edge(config.edge, self._refusals)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then close every connection."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, stopping.set)
        asked = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, asked.set)
        raise_file_limit(self._config)
        await self._edge.start(Listeners(self._systemd))
        reloads = reload_when_asked(asked, self._systemd, self.reload)
        beside = [asyncio.create_task(one) for one in (self._systemd.live(), reloads)]
        self._systemd.ready()  # first, so that who reads the log knows it as said
        self._edge.announce()
        try:
            await stopping.wait()
            self._systemd.stopping()
            log.info("stopping: %d connections to close", self._edge.connections)
        finally:
            await self._edge.stop(EDGE_GRACE)
            await self._refusals.close()
            await end(*beside)
        log.info("stopped")

    async def reload(self) -> None:
        """Take a new configuration and certificate without dropping a connection."""
        try:
            config = await asyncio.to_thread(self._reload)
        except ConfigError as error:
            log.error("configuration not reloaded: %s", error)
            return
        except Exception:
            log.exception("configuration not reloaded: our fault")
            return
        if config.edge is None:
            log.error("configuration not reloaded: edge: this key is required to run the edge")
            return
        for key in needing_restart(self._config, config.edge, "edge."):
            log.warning("%s changed; that takes a restart", key)
        self._edge.use(config.edge)
        log.info("configuration reloaded")


def raise_file_limit(config: EdgeConfig) -> None:
    """Allow this process the open files that the edge may need: two for each connection.

    The usual soft limit is 1024, kept for programs that use select(); this is none.
    """
    needed = 2 * config.max_connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        log.warning(
            "edge.max_connections %d takes %d open files, and the limit is %d",
            config.max_connections,
            needed,
            hard,
        )
        needed = hard
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
