"""The Redis of errors and logins, which calls do without: does it answer, and is it filled."""

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.app.doctor.stores import cure_of, place_of
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.kamailio_logins import LOGINS_KEY
from click2dial_agi.io.redis_client import REDIS_ERRORS, connect

__all__ = ["check_redis_beside"]

_TIMEOUT = 2.0


async def check_redis_beside(config: Config) -> list[Finding]:
    """Ask ``errors_redis``, or the edge's, as calls do, and for the logins that Kamailio needs."""
    url = config.refusals_redis
    if url is None:
        return []
    name = "errors_redis" if config.edge is None else "edge.redis"
    where = f"{name}: {place_of(url)}"
    client = connect(url, _TIMEOUT)
    try:
        return await _look(client, where, kamailio=config.kamailio is not None)
    except REDIS_ERRORS as error:
        lost = "calls that are refused lack the header that says why"
        if config.kamailio is not None:
            lost += "; Kamailio lets in whom it saw within a day, and nobody else"
        what = f"{where} does not take errors: {str(error) or 'no answer in time'}"
        return [Finding(Level.WARNING, "errors-refused", what, lost, cure_of(str(error)))]
    finally:
        await client.aclose()


async def _look(client: Redis, where: str, *, kamailio: bool) -> list[Finding]:
    await client.set("c2d:errors:doctor", "[]", ex=1)
    try:
        if not kamailio or await client.exists(LOGINS_KEY):
            return []
    except NoPermissionError:  # of a user for errors alone
        return []
    return [
        Finding(
            Level.DANGER,
            "logins-missing",
            f"{where} has no login of any phone ({LOGINS_KEY})",
            "Kamailio lets in whom it saw within a day, and after its restart nobody",
            "click2dial-agi kamailio-credentials FILE, of lines extension:password",
        )
    ]
