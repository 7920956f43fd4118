"""Asterisk's modules: without some of them calls go through and leave no record."""

from collections.abc import Collection, Iterator

from click2dial_agi.app.doctor.findings import Finding, Level

__all__ = ["FOR_ALL", "FOR_STEERING", "MODULE_CURE", "check_modules"]

#: Module and what of it dialplan/click2dial.conf uses.
FOR_ALL = {
    "app_dial": "Dial",
    "app_exec": "ExecIf",
    "app_originate": "Originate",
    "app_stack": "Gosub, GosubIf, Return",
    "chan_pjsip": "PJSIP",
    "func_callerid": "CALLERID, CONNECTEDLINE, REDIRECTING",
    "func_channel": "CHANNEL, CHANNELS, CHANNEL_EXISTS",
    "func_cut": "CUT",
    "func_dialplan": "DIALPLAN_EXISTS",
    "func_env": "FILE, STAT",
    "func_export": "EXPORT, which Asterisk has since 18.16 and 20.1",
    "func_global": "SHARED, for calls that were up during an upgrade",
    "func_hangupcause": "HANGUPCAUSE, HANGUPCAUSE_KEYS, HangupCauseClear",
    "func_logic": "IF, IMPORT",
    "func_pjsip_aor": "PJSIP_AOR",
    "func_pjsip_endpoint": "PJSIP_ENDPOINT",
    "func_rand": "RAND",
    "func_sha1": "SHA1, for C2D_SECRET",
    "func_strings": "FIELDQTY, FILTER, LEN, REPLACE",
    "func_uri": "URIENCODE",
    "func_version": "VERSION, for queues",
    "res_agi": "AGI",
    "res_pjsip_header_funcs": "PJSIP_HEADER",
}
_FOR_RECORDINGS = {"app_mixmonitor": "MixMonitor", "format_wav": "recordings as .wav"}
_FOR_CREATED = {"res_ari_channels": "created calls", "res_ari_endpoints": "created calls"}
_FOR_BROWSERS = {
    "res_http_websocket": "/ws for softphones",
    "res_pjsip_transport_websocket": "/ws for softphones; it does not load beside chan_sip",
}
_FOR_SOUND = {"res_srtp": "the sound of browsers' calls"}
_FOR_INBOUND = {"app_queue": "queues of click2dial-inbound"}
FOR_STEERING = {
    "app_chanspy": "hold by the API, and supervisors who listen",
    "app_mixmonitor": "pauses of recordings by the API",
    "app_playtones": "hold by the API",
    "app_senddtmf": "keys that the API presses",
    "app_softhangup": "asking a colleague by the API, supervisors",
    "func_volume": "mute and hold by the API, and attended transfers in the moment of the answer",
    "res_musiconhold": "hold by the API",
}

#: With the module's name.
MODULE_CURE = "asterisk -rx 'module load {0}.so', and no noload of it in modules.conf"


def check_modules(
    running: Collection[str], *, records: bool, creates: bool, browsers: bool
) -> Iterator[Finding]:
    """Name what the dialplan needs and does not find; the rest is for who uses it."""
    why = "calls fail, or go through without any record"
    yield from _missing(FOR_ALL, running, Level.DANGER, why)
    if records:
        yield from _missing(_FOR_RECORDINGS, running, Level.DANGER, "nothing is recorded")
    if creates:
        yield from _missing(_FOR_CREATED, running, Level.DANGER, "no call can be created")
    if browsers:
        yield from _missing(_FOR_BROWSERS, running, Level.WARNING, "no browser can register")
        yield from _missing(
            _FOR_SOUND, running, Level.WARNING, "each call of a browser fails (488)"
        )
    yield from _missing(_FOR_INBOUND, running, Level.NOTE, "if you use C2D_QUEUE")
    steering = {
        name: what
        for name, what in FOR_STEERING.items()
        if not (records and name in _FOR_RECORDINGS)
    }
    yield from _missing(steering, running, Level.NOTE, "if you use docs/control.md")


def _missing(
    needed: dict[str, str], running: Collection[str], level: Level, why: str
) -> Iterator[Finding]:
    for module, what in needed.items():
        if module not in running:
            text = f"Asterisk runs without {module}.so ({what})"
            yield Finding(level, "module-missing", text, why, MODULE_CURE.format(module))
