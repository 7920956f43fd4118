"""Whose a channel is: from Asterisk's channels and endpoints to extensions."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Peer", "endpoint_of"]


class Peer(NamedTuple):
    """A phone in a call, as its channel tells of it.

    ``told`` is the endpoint's C2D_EXTENSION, which the operator may have set, and ``channel`` the
    channel's name, such as ``PJSIP/1000-00000001``.  A phone has no say in either.  On a channel to
    another PBX it is ``extension@endpoint``: that endpoint is the way to many phones.
    """

    told: str = ""
    channel: str = ""

    def extension(self, endpoints: Mapping[str, str]) -> str:
        """Return whose phone it is; ``endpoints`` gives the extensions of those that are known.

        Who takes a call over by a pickup has a channel with variables of both phones, so what is
        told does not count if it is known to be another endpoint's.
        """
        endpoint = endpoint_of(self.channel)
        extension, _, way = self.told.partition("@")
        if way and way == endpoint:
            return extension
        known = endpoints.get(endpoint, "")
        if known or not self.told or self.told in endpoints.values():
            return known or endpoint
        return self.told

    def called(self, endpoints: Mapping[str, str]) -> str:
        """Return who was called there: also behind a Local channel, the number that it dials."""
        if not self.told and self.channel.startswith("Local/"):
            return self.channel.removeprefix("Local/").partition("@")[0]
        return self.extension(endpoints)


def endpoint_of(channel: str) -> str:
    """Return the endpoint's name in ``PJSIP/<endpoint>-<8 hex digits>`` (chan_pjsip.c)."""
    return channel.removeprefix("PJSIP/").rpartition("-")[0]
