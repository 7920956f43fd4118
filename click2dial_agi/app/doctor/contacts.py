"""Contacts: where Asterisk sends the calls to agents' phones."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config

__all__ = ["check_contacts"]

_HOST = re.compile(r"sips?:(?:([^@]*)@)?(\[[0-9A-Fa-f:.]+\]|[^:;>]+)")


def check_contacts(config: Config, contacts: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Find agents' phones that registered a number, or an address of the internet.

    ``contacts`` are AORs with their SIP URIs.
    """
    for aor, uri in contacts:
        match = _HOST.match(uri)
        if match is None or config.owner_of(aor) is None:
            continue
        user, host = match[1] or "", match[2].strip("[]")
        if re.fullmatch(r"\+?[0-9]{7,}", user) or _is_public(host):
            yield Finding(
                Level.WARNING,
                "contact-outside",
                f"the phone of {aor} is registered as {uri}",
                "calls to it leave this PBX, perhaps through the provider at your cost",
                f"asterisk -rx 'pjsip show aor {aor}'; contact_deny and contact_permit in its "
                "endpoint, and another password",
            )


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:  # a name, such as a browser's xyz.invalid
        return not host.endswith((".invalid", ".local", "localhost"))
