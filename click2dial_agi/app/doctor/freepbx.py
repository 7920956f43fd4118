"""FreePBX's trunks, as far as its globals tell."""

from collections.abc import Iterator

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config

__all__ = ["check_freepbx"]

_CONTEXT = "@from-internal"


def check_freepbx(config: Config, included: str, trunk_options: str) -> Iterator[Finding]:
    """Look at integrators that dial through FreePBX's routes.

    ``included`` is the global C2D_FREEPBX, empty without dialplan/freepbx.conf; ``trunk_options``
    FreePBX's TRUNK_OPTIONS, what its Dial() of a trunk is given.
    """
    through = [one.name for one in config.integrators if one.trunk_dial.endswith(_CONTEXT)]
    if not through:
        return
    if not included:
        yield Finding(
            Level.WARNING,
            "freepbx-missing",
            f"integrators.{through[0]}.trunk_dial goes through FreePBX's routes, and Asterisk has "
            "not loaded dialplan/freepbx.conf",
            "trunks with Force Trunk CID show another number than the record, and a trunk's 302 is "
            "followed",
            "#include freepbx.conf in extensions_custom.conf (docs/freepbx.md), then "
            "asterisk -rx 'dialplan reload'",
        )
    if "t" in trunk_options.partition("(")[0].lower():
        yield Finding(
            Level.WARNING,
            "freepbx-trunk-options",
            f"FreePBX dials trunks with the options {trunk_options[:40]}",
            "a transfer by the feature code ## ends the record of its call",
            "Advanced Settings, Asterisk Outbound Trunk Dial Options without T and t",
        )
