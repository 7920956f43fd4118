"""All checks, in an order in which each makes sense; none of them changes anything."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from click2dial_agi.app.doctor.access import check_access, check_no_access, check_rights
from click2dial_agi.app.doctor.asterisk_files import ASTERISK_ETC, check_asterisk_files
from click2dial_agi.app.doctor.beside import check_redis_beside
from click2dial_agi.app.doctor.contacts import check_contacts
from click2dial_agi.app.doctor.dialplan import (
    GLOBALS,
    check_clock,
    check_dialplan,
    check_loaded,
    is_local,
)
from click2dial_agi.app.doctor.endpoints import check_endpoints, check_outsiders, check_trunks
from click2dial_agi.app.doctor.entrance import check_entrance
from click2dial_agi.app.doctor.files import (
    check_directories,
    check_secrets,
    check_served_certificates,
    check_tls,
)
from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.app.doctor.forwards import check_forwards
from click2dial_agi.app.doctor.freepbx import check_freepbx
from click2dial_agi.app.doctor.installed import check_pages, check_units
from click2dial_agi.app.doctor.manager import check_hearing, check_manager, check_music
from click2dial_agi.app.doctor.modules import check_modules
from click2dial_agi.app.doctor.ports import check_ports
from click2dial_agi.app.doctor.stores import check_redis
from click2dial_agi.app.doctor.waiting import check_waiting
from click2dial_agi.app.doctor.webhooks import check_webhooks
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ari_facts import ARIFacts, EndpointFacts
from click2dial_agi.io.asterisk_console import AsteriskConsole

__all__ = ["examine", "examine_loaded", "examine_machine", "examine_pbx", "has_one_here"]

# Of a larger PBX the first so many endpoints are looked at, each with a question.
_MAX_ENDPOINTS = 500


async def examine(
    config: Config,
    config_path: Path,
    *,
    console: AsteriskConsole | None = None,
    etc: Path = ASTERISK_ETC,
) -> list[Finding]:
    """Return all there is to say of a machine, its Redis and its PBX."""
    found = await examine_machine(config, config_path, etc=etc)
    found += await check_webhooks(config)
    found += await asyncio.to_thread(lambda: [*check_ports(config), *check_waiting(config)])
    return found + await examine_pbx(config, console=console)


async def examine_machine(
    config: Config, config_path: Path, *, etc: Path = ASTERISK_ETC
) -> list[Finding]:
    """Return what is wrong with files and Redis."""

    def files() -> Iterator[Finding]:
        yield from check_directories(config)
        yield from check_secrets(config_path)
        yield from check_tls(config)
        yield from check_served_certificates(config)
        yield from check_asterisk_files(config, etc)
        yield from check_units()
        yield from check_pages(config)

    found = await asyncio.to_thread(lambda: list(files()))
    found += await check_entrance(config)
    return found + await check_redis(config) + await check_redis_beside(config)


async def examine_pbx(config: Config, *, console: AsteriskConsole | None = None) -> list[Finding]:
    """Return what is wrong with the PBXs, as far as their REST interfaces tell.

    ``console`` is that of the PBX on this machine.
    """
    if not config.pbxs:
        return check_no_access()
    if len(config.pbxs) == 1:
        return await _examine_one(config, config.pbxs[0], console)
    here = [pbx for pbx in config.pbxs if not _is_elsewhere(config, pbx)]
    found = await asyncio.gather(
        *(_examine_one(config, pbx, console if here == [pbx] else None) for pbx in config.pbxs)
    )
    return [
        replace(one, what=f"PBX {pbx.name}: {one.what}")
        for pbx, findings in zip(config.pbxs, found, strict=True)
        for one in findings
    ]


async def _examine_one(config: Config, pbx: PBX, console: AsteriskConsole | None) -> list[Finding]:
    ari = ARIFacts(pbx)
    manager = await check_manager(pbx)
    try:
        found = await check_access(config, pbx, ari)
        return manager + (found or await _ask(config, pbx, ari, console))
    except PBXUnreachable as error:
        what = f"asterisk: {error}"
        why, cure = (
            "the PBX was not looked at further",
            "asterisk -rx 'ari show status'; its own log",
        )
        return [*manager, Finding(Level.WARNING, "ari-refuses", what, why, cure)]
    finally:
        await ari.close()


async def _ask(
    config: Config, pbx: PBX, ari: ARIFacts, console: AsteriskConsole | None
) -> list[Finding]:
    integrators = config.integrators
    found = await check_rights(config, pbx, ari)
    found += list(
        check_modules(
            await ari.modules(),
            records=any(one.record for one in integrators),
            creates=any(one.http is not None for one in integrators),
            browsers=config.edge is not None,
        )
    )
    given = {name: await ari.variable(name) for name in GLOBALS}
    found += await asyncio.to_thread(
        lambda: list(check_dialplan(config, given, elsewhere=_is_elsewhere(config, pbx)))
    )
    found += check_clock(await ari.clock_difference())
    states = await ari.endpoint_states()
    found += check_trunks(config, states, await ari.variable("C2D_EMERGENCY_DIAL"))
    freepbx = await ari.variable("C2D_FREEPBX")
    found += check_freepbx(config, freepbx, await ari.variable("TRUNK_OPTIONS"))
    endpoints = [
        EndpointFacts(name, states[name], await ari.options("endpoint", name))
        for name in sorted(states)[:_MAX_ENDPOINTS]
    ]
    found += check_endpoints(config, endpoints, freepbx=bool(freepbx))
    found += check_outsiders(config, endpoints)
    if console is not None:
        found += await examine_loaded(console, found)
        found += await asyncio.to_thread(
            lambda: [*check_hearing(pbx, console), *check_music(pbx, console)]
        )
        found += check_contacts(config, await asyncio.to_thread(console.contacts))
        found += await asyncio.to_thread(lambda: list(check_forwards(config, console)))
    return found


async def examine_loaded(console: AsteriskConsole, found: Iterable[Finding]) -> list[Finding]:
    """Look whether Asterisk has the dialplan, unless it was ``found`` to be missing already."""
    if any(one.check == "dialplan-missing" for one in found):
        return []
    return await asyncio.to_thread(lambda: list(check_loaded(console)))


def has_one_here(config: Config) -> bool:
    """Tell whether one PBX of the configuration is on this machine, the one that its console is."""
    hosts = [urlsplit(pbx.ari_url).hostname or "" for pbx in config.pbxs]
    return sum(host == "localhost" or is_local(host) for host in hosts) == 1


def _is_elsewhere(config: Config, pbx: PBX) -> bool:
    """Tell whether one of several PBXs is on another machine."""
    host = urlsplit(pbx.ari_url).hostname or ""
    return len(config.pbxs) > 1 and host != "localhost" and not is_local(host)
