"""The configuration files of a sandbox Asterisk, as an operator would write them."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from click2dial_agi.domain.variables import CARRIES_LISTED, DIALLED

OPEN_AGENTS = range(1000, 1020)
DIGEST_AGENTS = range(1100, 1110)
WEBRTC_AGENTS = range(1200, 1205)
ARI_USERNAME = "click2dial"
MANAGER_SAMPLE = Path(__file__).parents[1] / "etc/asterisk/manager.conf"
SPOOL_FILE = "click2dial/calls.spool"
#: What the dialplan seals with, and the sandbox's servers expect.
SECRET = "sandbox-secret-of-the-dialplan"

# They need hardware, another database or a peer of their own, and would only fill the log.
NOLOAD = (
    *("chan_dahdi", "chan_iax2", "chan_mobile", "chan_ooh323", "chan_unistim", "chan_motif"),
    *("chan_console", "pbx_dundi", "pbx_ael", "pbx_lua", "res_corosync", "res_snmp", "res_xmpp"),
    *("res_config_pgsql", "res_config_ldap", "res_config_odbc", "res_config_sqlite3", "res_odbc"),
    *("func_odbc", "app_voicemail", "app_voicemail_odbc", "app_minivm", "res_adsi", "app_adsiprog"),
    *("cdr_adaptive_odbc", "cdr_csv", "cdr_custom", "cdr_manager", "cdr_odbc", "cdr_pgsql"),
    *("cdr_radius", "cdr_sqlite3_custom", "cdr_tds", "cel_custom", "cel_manager", "cel_odbc"),
    *("cel_pgsql", "cel_radius", "cel_sqlite3_custom", "cel_tds", "res_hep", "res_hep_pjsip"),
    *("res_hep_rtcp", "res_phoneprov", "res_pjsip_phoneprov_provider", "res_smdi"),
    *("app_jack", "app_festival", "app_alarmreceiver", "res_prometheus", "app_getcpeid"),
    *("res_calendar", "res_calendar_caldav", "res_calendar_ews", "res_calendar_exchange"),
    *("res_calendar_icalendar", "res_odbc_transaction", "res_pjsip_stir_shaken"),
    *("res_stir_shaken",),
)


@dataclass(frozen=True)
class Settings:
    """What the files depend on; `inside` is the instance's directory as Asterisk sees it."""

    inside: str
    sip_port: int
    http_port: int
    ami_port: int
    trunk_port: int
    dead_port: int
    rtp_first: int
    rtp_last: int
    password: str
    c2d_agi: str
    verbose: bool
    include: str
    extra_extensions: str
    extra_pjsip: str
    queues: str
    max_calls: int


def agent_password(extension: str) -> str:
    """Return the digest password of an agent's endpoint."""
    return f"secret-{extension}"


def hosts() -> str:
    """Return /etc/hosts. Without these names every call waits for DNS, 20 s in all."""
    names = f"{socket.gethostname()} A.ROOT-SERVERS.NET"
    return f"127.0.0.1 localhost {names}\n::1 localhost\n"


def files(settings: Settings) -> dict[str, str]:
    """Return the text of each file of etc/ that differs from Debian's, by its name."""
    s = settings
    levels = "notice,warning,error" + (",verbose(5)" if s.verbose else "")
    texts = {
        "asterisk.conf": f"""\
            [directories]
            astetcdir => {s.inside}/etc
            astmoddir => /usr/lib/x86_64-linux-gnu/asterisk/modules
            astvarlibdir => {s.inside}/lib
            astdbdir => {s.inside}/lib
            astkeydir => {s.inside}/lib
            astcachedir => {s.inside}/lib
            astdatadir => /usr/share/asterisk
            astagidir => {s.inside}/lib
            astspooldir => {s.inside}/spool
            astrundir => {s.inside}/run
            astlogdir => {s.inside}/log

            [options]
            verbose = {5 if s.verbose else 0}
            hideconnect = yes
            maxcalls = {s.max_calls}
            """,
        "logger.conf": f"""\
            [general]
            dateformat = %F %T.%3q
            [logfiles]
            messages.log => {levels}
            """,
        "modules.conf": "[modules]\nautoload = yes\n"
        + "".join(f"noload = {module}.so\n" for module in NOLOAD),
        "http.conf": f"""\
            [general]
            enabled = yes
            bindaddr = 127.0.0.1
            bindport = {s.http_port}
            sessionlimit = 1000
            """,
        "ari.conf": f"""\
            [general]
            enabled = yes
            channelvars = {DIALLED},{CARRIES_LISTED}
            [{ARI_USERNAME}]
            type = user
            read_only = no
            password = {s.password}
            """,
        "rtp.conf": f"[general]\nrtpstart = {s.rtp_first}\nrtpend = {s.rtp_last}\n",
        "manager.conf": _manager(s),
        "musiconhold.conf": """\
            [default]
            mode = files
            directory = /usr/share/asterisk/sounds/en
            """,
        "pjsip.conf": _pjsip(s),
        "extensions.conf": _extensions(s),
        "queues.conf": s.queues,
    }
    return {name: dedent(text) for name, text in texts.items()}


def _extensions(s: Settings) -> str:
    include = f'#include "{s.include}"\n' if s.include else ""
    return (
        "[general]\nstatic = yes\nwriteprotect = yes\n\n"
        f"[globals]\nC2D_SECRET = {SECRET}\nC2D_AGI = {s.c2d_agi}\n"
        f"C2D_SPOOL = {s.inside}/{SPOOL_FILE}\n"
        f"C2D_RECORDINGS = {s.inside}/click2dial/recordings\n\n"
        f"{include}\n{dedent(s.extra_extensions)}\n"
    )


def _manager(s: Settings) -> str:
    """Return the sample's manager.conf, on a port and with a password of this sandbox."""
    text = MANAGER_SAMPLE.read_text("utf-8")
    text = re.sub(r"(?m)^port = .*", f"port = {s.ami_port}", text)
    return re.sub(r"(?m)^secret = .*", f"secret = {s.password}", text)


def _agent(name: str, more: str) -> str:
    """Return an agent's endpoint with more lines of its own, its AOR and its password."""
    endpoint = f'[{name}](agent)\naors = {name}\ncallerid = "Agent {name}" <{name}>\n{more}\n'
    auth = f"type = auth\nusername = {name}\npassword = {agent_password(name)}\n"
    return f"\n{endpoint}[{name}](aor)\n[auth-{name}]\n{auth}"


def _pjsip(s: Settings) -> str:
    head = dedent(f"""\
        [global]
        type = global
        ; The From user names the endpoint. By address it could not: all are on loopback.
        endpoint_identifier_order = username

        [transport-udp]
        type = transport
        protocol = udp
        bind = 127.0.0.1:{s.sip_port}

        [transport-ws]
        type = transport
        protocol = ws
        bind = 127.0.0.1

        [common](!)
        type = endpoint
        disallow = all
        allow = ulaw
        ; SIPp takes no re-INVITE
        direct_media = no

        [agent](!,common)
        context = click2dial

        [aor](!)
        type = aor
        max_contacts = 1
        remove_existing = yes
        qualify_frequency = 0

        [trunk](common)
        context = from-trunk
        aors = trunk
        send_pai = yes
        trust_id_outbound = yes
        [trunk]
        type = aor
        contact = sip:127.0.0.1:{s.trunk_port}

        [deadtrunk](common)
        context = from-trunk
        aors = deadtrunk
        [deadtrunk]
        type = aor
        contact = sip:127.0.0.1:{s.dead_port}
        """)
    login = "auth = auth-{name}\n"
    webrtc = login + "webrtc = yes\ndtls_auto_generate_cert = yes\n"
    kinds = ((OPEN_AGENTS, ""), (DIGEST_AGENTS, login), (WEBRTC_AGENTS, webrtc))
    agents = [
        _agent(str(number), more.format(name=number))
        for numbers, more in kinds
        for number in numbers
    ]
    return "".join([head, *agents, "\n", dedent(s.extra_pjsip)])
