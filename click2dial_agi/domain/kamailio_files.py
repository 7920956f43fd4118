"""The files of a Kamailio and of the Asterisks behind it, as text.

What is written into them comes from :mod:`click2dial_agi.domain.kamailio`, which lets only such
values in as mean nothing to either program; :func:`_quoted` holds them to it once more.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from itertools import islice

from click2dial_agi.domain.config import Config
from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.integrators import TLS
from click2dial_agi.domain.kamailio import DOOR_NAME, Kamailio, KamailioNode
from click2dial_agi.domain.redis_url import RedisKind, RedisPlace, parse_redis_url
from click2dial_agi.exceptions import ConfigError

__all__ = [
    "ENTRANCE",
    "agents",
    "asterisk_part",
    "dispatcher_list",
    "site",
    "tls",
]

#: The endpoint and From of Kamailio's own OPTIONS.
ENTRANCE = "c2d-entrance"

# As many endpoints as one Asterisk was seen to carry, and some.
_MAX_AGENTS = 20_000

# Neither ends a string or a definition, begins a comment or another parameter, nor is a pattern.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@=+;()|*^$!%~\[\] -]*")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.@+-]+)+")


def site(config: Config, kamailio: Kamailio, node: KamailioNode, directory: str) -> str:
    """Return what is this node's own; ``directory`` is where it finds its files.

    Raises :exc:`ConfigError` for what a Kamailio cannot be told.
    """
    _path("--directory", directory)
    lines = [f"# Of {node.name}, by `click2dial-agi kamailio-config`; holds secrets."]
    lines += _listens(node, kamailio)
    lines += [f"#!define {name} {_quoted(value)}" for name, value in _texts(config, kamailio, node)]
    lines += [f'#!define C2D_LIST "{directory}/dispatcher.list"']
    if kamailio.tls is not None and node.browsers is not None:
        lines += ["enable_tls=yes", f'#!define C2D_TLS "{directory}/tls.cfg"']
    lines += [f"#!define C2D_NODE {kamailio.nodes.index(node) + 1}"]
    lines += [f"#!define C2D_INNER_PORT {node.inner.port}"]
    lines += [f"#!define C2D_ENTRANCE_PORT {(kamailio.moving_entrance or node.inner).port}"]
    if node.browsers is not None:
        lines += [f"#!define C2D_WEBSOCKET_PORT {node.browsers.port}"]
    others = [other for other in kamailio.nodes if other is not node]
    if others:
        lines += ["#!define C2D_OTHERS"]
    lines += [f'#!define C2D_OTHER_{n} "sip:{one.inner}"' for n, one in enumerate(others, 1)]
    return "\n".join(lines) + "\n"


def dispatcher_list(kamailio: Kamailio, node: KamailioNode) -> str:
    """Return whom this node knows inside."""
    lines = [f"1 sip:{address}" for address in kamailio.asterisks]
    for number, other in enumerate(kamailio.nodes, 1):
        if other is not node:
            lines += [f"2 sip:{other.inner}", f"{100 + number} sip:{other.inner}"]
    return "\n".join(lines) + "\n"


def tls(files: TLS) -> str:
    """Return what Kamailio's tls module reads.  Raises :exc:`ConfigError` for odd paths."""
    cert = _path("kamailio.tls.cert", str(files.cert))
    key = _path("kamailio.tls.key", str(files.key))
    return (
        "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n"
        f"certificate = {cert}\nprivate_key = {key}\n"
    )


def asterisk_part(config: Config, kamailio: Kamailio) -> str:
    """Return what all Asterisks include in pjsip.conf: an endpoint for each agent, without login.

    Raises :exc:`ConfigError` for more agents than an Asterisk carries.
    """
    inner = [one.inner for one in kamailio.nodes]
    inner += [kamailio.moving_entrance] if kamailio.moving_entrance else []
    permit = ",".join(f"{host}/32" for host in sorted({one.host for one in inner}))
    behind = list(islice(agents(config, kamailio), _MAX_AGENTS + 1))
    if len(behind) > _MAX_AGENTS:
        raise ConfigError("integrators", f"at most {_MAX_AGENTS} extensions behind Kamailio")
    parts = [
        "; By `click2dial-agi kamailio-config`.  Kamailio has looked who calls, so there is no\n"
        "; auth: nobody else may send here, and a firewall has to see to it, too.\n"
        f"[c2d-behind](!)\ntype = endpoint\ndeny = 0.0.0.0/0\npermit = {permit}\n"
        "context = click2dial\nmessage_context = click2dial-no-messages\n"
        "disallow = all\nallow = alaw,ulaw\ndirect_media = no\nrtp_symmetric = yes\n"
        "trust_id_inbound = no\nsend_pai = no\nset_var = C2D_KAMAILIO=1\n\n"
        "[c2d-browser](!,c2d-behind)\nwebrtc = yes\ndtls_auto_generate_cert = yes\n"
        "allow = !all,opus,alaw,ulaw\n\n"
        f"; Kamailio's own question whether this Asterisk lives.\n[{ENTRANCE}](c2d-behind)\n"
        "context = c2d-nowhere\n"
    ]
    for extension, endpoint, browser in behind:
        kind = "c2d-browser" if browser else "c2d-behind"
        named = f"set_var = C2D_EXTENSION={extension}\n" if endpoint != extension else ""
        parts.append(
            f'[{endpoint}]({kind})\naors = {endpoint}\ncallerid = "{extension}" <{extension}>\n'
            f"{named}[{endpoint}]\ntype = aor\n"
            f"contact = sip:{endpoint}@{kamailio.asterisks_entrance}\n"
        )
    return "\n".join(parts)


def agents(config: Config, kamailio: Kamailio) -> Iterator[tuple[str, str, bool]]:
    """Yield each agent's extension and endpoint, and whether the phone is a browser."""
    browsers = kamailio.browser_agents
    for integrator in config.integrators:
        for extension in (one for some in integrator.extensions for one in some):
            in_browser = any(
                len(extension) == len(some.first) and some.first <= extension <= some.last
                for some in browsers
            )
            yield extension, integrator.endpoints.get(extension, extension), in_browser


def _listens(node: KamailioNode, kamailio: Kamailio) -> Iterator[str]:
    told = f" advertise {node.public}:{node.phones.port}" if node.public else ""
    yield f"listen=udp:{node.phones}{told}"
    yield f"listen=tcp:{node.phones}{told}"
    yield f"listen=udp:{node.inner}"
    yield f"listen=tcp:{node.inner}"
    if kamailio.moving_entrance:
        yield f"listen=udp:{kamailio.moving_entrance}"
        yield "ip_free_bind=yes"  # it may be another node's now
    if node.browsers is not None:
        told = f" advertise {node.public}:{node.browsers.port}" if node.public else ""
        yield f"listen={'tls' if kamailio.tls is not None else 'tcp'}:{node.browsers}{told}"


def _texts(config: Config, kamailio: Kamailio, node: KamailioNode) -> Iterator[tuple[str, str]]:
    yield "C2D_INNER", f"sip:{node.inner}"
    yield "C2D_INNER_HOST", node.inner.host
    yield "C2D_INNER_SOCKET", f"udp:{node.inner}"
    yield "C2D_PHONES_SOCKET", f"udp:{node.phones}"
    yield "C2D_ENTRANCE_HOST", (kamailio.moving_entrance or node.inner).host
    yield "C2D_OURS", _ours(kamailio)
    yield "C2D_PROBE", f"sip:{ENTRANCE}@{node.inner}"
    yield "C2D_REALM", kamailio.realm
    yield "C2D_NONCES", kamailio.derived("nonces")
    login = b64encode(f"{DOOR_NAME}:{kamailio.door_key}".encode()).decode()
    yield "C2D_DOOR", f"Basic {login}"
    place = parse_redis_url(config.errors_redis or "")
    yield "C2D_REDIS", _redis_server(place, kamailio.nodes.index(node))
    if kamailio.origins:
        yield "C2D_ORIGINS", f"^({'|'.join(map(_pattern, kamailio.origins))})$"


def _ours(kamailio: Kamailio) -> str:
    """Return what Record-Route calls the Kamailios, as a pattern."""
    addresses = {str(kamailio.moving_entrance)} if kamailio.moving_entrance else set()
    for node in kamailio.nodes:
        outside = [one for one in (node.phones, node.browsers) if one is not None]
        addresses |= {str(one) for one in (*outside, node.inner)}
        if node.public:
            addresses |= {f"{node.public}:{one.port}" for one in outside}
    # The usual port is left out there.
    addresses |= {one.removesuffix(":5060") for one in addresses}
    return f"({'|'.join(_pattern(one) for one in sorted(addresses))})"


def _redis_server(place: RedisPlace, node: int) -> str:
    parts = ["name=c2d"]
    if place.kind is RedisKind.SENTINEL:
        # One: of several, ndb_redis asks the first for the primary, and then takes the port of the
        # last for the primary's (seen in 5.6).  Each node has another, so that one may be away.
        host, port = place.hosts[node % len(place.hosts)]
        parts += [f"sentinel_group={place.service}", "sentinel_master=1"]
        parts += [f"sentinel={Address(host, port)}"]
    else:
        ((host, port),) = place.hosts
        parts += [f"addr={host}", f"port={port}"]
    parts += [f"db={place.db}"] + ([f"pass={place.password}"] if place.password else [])
    return ";".join(parts)


def _pattern(origin: str) -> str:
    """Return an origin as a POSIX pattern, without a backslash that Kamailio would read first."""
    return "".join(f"[{char}]" if char in ".[]" else char for char in origin)


def _quoted(value: str) -> str:
    if not _PLAIN.fullmatch(value):
        raise AssertionError("a value that Kamailio would read")
    return f'"{value}"'


def _path(key: str, path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ConfigError(key, "an absolute path of letters, digits and _.@+-/")
    return path
