"""Asterisk's REST interface: is it there, and does it take our password."""

import ssl
from urllib.parse import urlsplit

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.app.doctor.modules import MODULE_CURE
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.io.ari_facts import ARIFacts
from click2dial_agi.io.port_owner import owner_of_port

__all__ = ["check_access", "check_no_access", "check_rights"]

_WHY = "no call can be created, and doctor cannot look at the PBX"
_HTTP = (
    "enabled = yes in http.conf and ari.conf (etc/asterisk/ has both), then "
    "asterisk -rx 'core reload'"
)
_TLS = (
    "tlscertfile in http.conf with this host's name and the whole chain, its authority among those "
    "that this machine trusts (/usr/local/share/ca-certificates, update-ca-certificates), and the "
    "port of tlsbindaddr in ari_url"
)
_PATH = "asterisk.ari_url as http://HOST:PORT/ari; with a prefix in http.conf that goes before /ari"


def check_no_access() -> list[Finding]:
    """Say that there is no PBX to look at."""
    what = "asterisk: is not configured, so the PBX was not looked at"
    cure = "asterisk.ari_password in click2dial.yaml, as etc/click2dial.yaml shows"
    return [Finding(Level.NOTE, "ari-not-configured", what, "", cure)]


async def check_access(config: Config, pbx: PBX, ari: ARIFacts) -> list[Finding]:
    """Ask for the least; nothing is found if that works."""
    level = Level.DANGER if any(one.http for one in config.integrators) else Level.WARNING
    url = pbx.ari_url
    try:
        status = await ari.status()
    except OSError as error:
        tls = error.__cause__  # there was no connection
        if isinstance(tls, ssl.SSLError):
            reason = getattr(tls, "verify_message", "") or tls.reason or str(tls)
            what = f"asterisk.ari_url: {url}: no TLS with it: {reason}"
            return [Finding(level, "ari-tls", what, _WHY, _TLS)]
        what = f"asterisk.ari_url: nothing answers at {url}: {str(error) or 'no answer in time'}"
        cure = f"systemctl status asterisk; where it runs, {_HTTP}"
        return [Finding(level, "ari-away", what, _WHY, cure)]
    if status in (401, 403):
        user = pbx.ari_username
        what = f"asterisk.ari_password: Asterisk does not know {user} with this password"
        cure = f"[{user}] in ari.conf with that password, then asterisk -rx 'core reload'"
        return [Finding(level, "ari-password", what, _WHY, cure)]
    if status == 404 and await ari.is_there():
        what = "Asterisk runs without res_ari_asterisk.so (its settings by ARI)"
        cure = MODULE_CURE.format("res_ari_asterisk")
        return [Finding(level, "module-missing", what, "doctor cannot look at the PBX", cure)]
    if status != 200:
        owner = owner_of_port(urlsplit(url).port or 80)
        by = f"; {owner} listens there" if owner and not owner.startswith("asterisk") else ""
        what = f"asterisk.ari_url: {url} answers {status}, which is no ARI{by}"
        return [Finding(level, "ari-elsewhere", what, _WHY, f"{_PATH}; {_HTTP}")]
    return []


async def check_rights(config: Config, pbx: PBX, ari: ARIFacts) -> list[Finding]:
    """Look whether the user may do more than read."""
    if await ari.may_write():
        return []
    level = Level.DANGER if any(one.http for one in config.integrators) else Level.NOTE
    user = pbx.ari_username
    what = f"asterisk.ari_username: {user} may read and do nothing (read_only in ari.conf)"
    why = "no call can be created, and none is hung up by the API"
    cure = f"read_only = no in [{user}] of ari.conf, then asterisk -rx 'core reload'"
    return [Finding(level, "ari-read-only", what, why, cure)]
