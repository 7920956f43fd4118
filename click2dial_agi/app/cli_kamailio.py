"""The commands for Kamailio in front of several Asterisks."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from click2dial_agi.app.cli_parts import DEFAULT_CONFIG, ConfigOption, complain, fail, load
from click2dial_agi.exceptions import Click2DialError, ConfigError

__all__ = ["kamailio_config", "kamailio_credentials"]


def kamailio_config(
    output: Annotated[Path, typer.Option(help="Where to write them.")],
    config: ConfigOption = DEFAULT_CONFIG,
    node: Annotated[str, typer.Option(help="Whose; may be left out where there is one.")] = "",
    directory: Annotated[
        Path | None, typer.Option(help="Where Kamailio finds them, if not where they are written.")
    ] = None,
) -> None:
    """Write what a Kamailio in front of several Asterisks, and these, are to read."""
    from click2dial_agi.app.kamailio import write_files

    loaded, where = load(config), (directory or output).absolute()
    try:
        for path in write_files(loaded, node, output, where):
            print(path)
        if loaded.kamailio is not None and loaded.kamailio.tls is not None:
            complain(
                "click2dial-agi: kamailio.tls: Kamailio 5.6 and 5.7 with OpenSSL 3 write over their"
                " memory; end TLS in front of them (docs/kamailio.md)"
            )
    except ConfigError as error:
        fail(str(error))


def kamailio_credentials(
    file: Annotated[Path, typer.Argument(help="Lines extension:password; it is all of them.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Load the phones' logins for Kamailio in the place of those before."""
    from click2dial_agi.app.kamailio import load_credentials

    loaded = load(config)
    try:
        print(f"{asyncio.run(load_credentials(loaded, file))} logins loaded")
    except ConfigError as error:
        fail(str(error))
    except Click2DialError as error:
        fail(str(error), 1)
