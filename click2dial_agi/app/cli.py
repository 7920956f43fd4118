"""The command line: ``click2dial-agi`` and its commands."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from click2dial_agi import __version__
from click2dial_agi.app.cli_kamailio import kamailio_config, kamailio_credentials
from click2dial_agi.app.cli_parts import (
    DEFAULT_CONFIG,
    ConfigOption,
    LogFormatOption,
    LogLevelOption,
    complain,
    fail,
    load,
    set_up_logging,
)
from click2dial_agi.exceptions import (
    CallLost,
    CallNotCreated,
    Click2DialError,
    ConfigError,
    StartupError,
)
from click2dial_agi.io.config_file import load_config, load_destinations

__all__ = ["main"]

app = typer.Typer(
    help="Click2Dial for Asterisk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    log_level: LogLevelOption = "INFO",
    log_format: LogFormatOption = "text",
    with_edge: Annotated[
        bool,
        typer.Option("--edge/--no-edge", help="Run the WebSocket edge too, or leave it to others."),
    ] = True,
    with_doctor: Annotated[
        bool,
        typer.Option("--doctor/--no-doctor", help="Say in the log what doctor finds, as it lasts."),
    ] = True,
) -> None:
    """Run the server until SIGTERM or SIGINT; SIGHUP reloads the configuration."""
    import uvloop

    from click2dial_agi.app.doctor.at_start import examine_forever
    from click2dial_agi.app.service import Service
    from click2dial_agi.io.loop import Loop
    from click2dial_agi.io.systemd import Systemd

    set_up_logging(log_level, log_format)
    try:
        service = Service(
            load(config),
            lambda: load_config(config),
            with_edge=with_edge,
            systemd=Systemd(),
            examine=partial(examine_forever, config_path=config) if with_doctor else None,
        )
    except StartupError as error:
        fail(str(error))
    try:
        uvloop.run(service.run(), loop_factory=Loop)
    except StartupError as error:
        fail(str(error), 1)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def supervise(
    context: typer.Context,
    log_level: LogLevelOption = "INFO",
    log_format: LogFormatOption = "text",
) -> None:
    """Run `serve` or `edge`, with its options, as systemd would: for containers."""
    from click2dial_agi.app.supervise import Supervisor

    set_up_logging(log_level, log_format)
    raise typer.Exit(Supervisor(context.args).run())


@app.command()
def edge(
    config: ConfigOption = DEFAULT_CONFIG,
    log_level: LogLevelOption = "INFO",
    log_format: LogFormatOption = "text",
) -> None:
    """Run the WebSocket edge alone, beside `serve --no-edge`; signals as with serve."""
    import uvloop

    from click2dial_agi.app.edge_service import EdgeService
    from click2dial_agi.io.loop import Loop
    from click2dial_agi.io.systemd import Systemd

    set_up_logging(log_level, log_format)
    try:
        service = EdgeService(load(config), lambda: load_config(config), Systemd())
    except StartupError as error:
        fail(str(error))
    try:
        uvloop.run(service.run(), loop_factory=Loop)
    except StartupError as error:
        fail(str(error), 1)


@app.command()
def check_config(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check a configuration file, as the server would at its start."""
    from click2dial_agi.app.doctor.authorities import check_authorities
    from click2dial_agi.app.doctor.files import check_tls
    from click2dial_agi.app.doctor.findings import Level

    try:
        loaded = load_config(config)
    except ConfigError as error:
        for line in [str(error), *getattr(error, "__notes__", [])]:
            complain(line)
        raise typer.Exit(2) from None
    for warning in loaded.warnings():
        print(f"warning: {warning}")
    found_here = (*check_tls(loaded), *check_authorities(loaded))
    unusable = [one for one in found_here if one.level is not Level.NOTE]
    for found in unusable:
        complain(f"{found.level.name.lower()}: {found.line()}")
    if any(one.level is Level.DANGER for one in unusable):
        raise typer.Exit(2)
    print(f"{config}: good, {len(loaded.integrators)} integrators")


@app.command()
def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="For machines; holds no secret.")] = False,
    asterisk: Annotated[
        str, typer.Option(help="What starts Asterisk's console; empty: it is not asked.")
    ] = "asterisk",
    asterisk_etc: Annotated[Path, typer.Option(help="Asterisk's configuration files.")] = Path(
        "/etc/asterisk"
    ),
) -> None:
    """Say what is wrong with this machine and its PBX, why it matters, and what mends it.

    Exit code 1: warnings; 2: calls or records are at risk.
    """
    from click2dial_agi.app.doctor.command import run

    raise typer.Exit(run(load(config), config, asterisk.split(), asterisk_etc, as_json=as_json))


@app.command()
def explain(
    number: Annotated[str, typer.Argument(help="As a caller would write it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    integrator: Annotated[
        str, typer.Option(help="Whose call; may be left out where there is one integrator.")
    ] = "",
) -> None:
    """Say what a number is, whether and how it would be dialled; exit code 1 if it would not."""
    from datetime import UTC, datetime

    from click2dial_agi.domain.explanation import explain as lines

    loaded = load(config)
    chosen = [one for one in loaded.integrators if integrator in ("", one.name)]
    if len(chosen) != 1:
        names = ", ".join(one.name for one in loaded.integrators)
        fail(f"--integrator: one of {names}")
    told = list(lines(number, chosen[0], loaded, datetime.now(UTC).date()))
    for label, text in told:
        print(f"{label + ':':13}{text}")
    if not told[-1][1].startswith("yes"):
        raise typer.Exit(1)


@app.command()
def tail(
    config: ConfigOption = DEFAULT_CONFIG,
    integrator: Annotated[
        str, typer.Option(help="Whose notifications; all integrators' if not given.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON text a line.")] = False,
) -> None:
    """Show notifications as they arrive.  Pops nothing: your consumers still get them all."""
    import asyncio

    from click2dial_agi.app.tail import follow

    loaded = load(config)
    chosen = [one for one in loaded.integrators if integrator in ("", one.name)]
    if not chosen:
        names = ", ".join(one.name for one in loaded.integrators)
        fail(f"--integrator: one of {names}")
    try:
        asyncio.run(follow(chosen, as_json=json))
    except KeyboardInterrupt:
        pass
    except Click2DialError as error:
        fail(str(error))


@app.command()
def call(
    agent: Annotated[str, typer.Option(help="Who is rung first: an extension or a number.")],
    callee: Annotated[str, typer.Option(help="Who is dialled once the agent has answered.")],
    outbound_id: Annotated[str, typer.Option(help="The caller ID that the callee sees.")] = "",
    contact_ref: Annotated[str, typer.Option(help="Your reference.")] = "",
    url: Annotated[
        str, typer.Option(help="The integrator's address.", envvar="C2D_URL")
    ] = "http://127.0.0.1:8300",
    key: Annotated[
        str, typer.Option(help="One of the integrator's keys.", envvar="C2D_API_KEY")
    ] = "",
) -> None:
    """Create a call and follow it to its end; exit code 1 if nobody answered, 3 if nobody tells."""
    from click2dial_agi.app.caller import place
    from click2dial_agi.domain.dispositions import EndReason

    given = {
        "agent": agent,
        "callee": callee,
        "outbound_id": outbound_id,
        "contact_ref": contact_ref,
    }
    try:
        record = place(url, key, {name: value for name, value in given.items() if value})
    except CallNotCreated as error:
        fail(str(error))
    except CallLost as error:
        fail(str(error), 3)
    except KeyboardInterrupt:
        print("not followed any longer; the call goes on", file=sys.stderr)
        raise typer.Exit(130) from None
    answered = (EndReason.HUNGUP, EndReason.AGENT_HUNGUP, EndReason.CALLEE_HUNGUP)
    if record["end_reason"] not in answered:
        raise typer.Exit(1)


@app.command()
def hash_key(
    key: Annotated[str | None, typer.Argument(help="A key; a new one is made if absent.")] = None,
) -> None:
    """Print an API key and the hash that the configuration may hold in its place."""
    import secrets

    from click2dial_agi.domain.api_keys import hash_key as hashed

    key = key or secrets.token_urlsafe(32)
    if key != key.strip():
        fail("a key without blanks before or behind it: no request could bring them")
    print(f"key, for the CRM:              {key}")
    print(f"api_keys, in the configuration: {hashed(key.encode())}")


@app.command()
def spool(
    config: ConfigOption = DEFAULT_CONFIG,
    flush: Annotated[bool, typer.Option("--flush", help="Try to push it all, now.")] = False,
) -> None:
    """Show what waits on this machine for a Redis: whose it is, and since when."""
    import asyncio

    from click2dial_agi.app import spool_commands

    loaded = load(config, load_destinations)
    set_up_logging("WARNING")
    spool_commands.become_owner(loaded.spool_dir)
    try:
        if flush:
            print(f"{asyncio.run(spool_commands.flush(loaded))} records pushed")
        spool_commands.show(loaded)
    except Click2DialError as error:
        fail(str(error), 1)


@app.command()
def drain(
    config: ConfigOption = DEFAULT_CONFIG,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where calls.spool is; the configured spool_dir.")
    ] = None,
    log_level: LogLevelOption = "INFO",
    log_format: LogFormatOption = "text",
) -> None:
    """Push what the dialplan kept because no server answered; exit code 1 if some is left.

    For a PBX without a server beside it, which would do the same by itself.
    """
    import asyncio

    from click2dial_agi.app import spool_commands

    loaded = load(config, load_destinations)
    set_up_logging(log_level, log_format)
    path = loaded.spool_path if directory is None else directory.absolute() / loaded.spool_path.name
    spool_commands.become_owner(path.parent)
    try:
        print(f"{asyncio.run(spool_commands.flush(loaded, path))} records pushed")
    except Click2DialError as error:
        fail(str(error), 1)


@app.command()
def forget_pbx(
    name: Annotated[str, typer.Argument(help="As the configuration called it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give up the created calls of a PBX that does not come back; exit code 1 if there are none.

    A server that runs records each as failed.
    """
    import asyncio

    from click2dial_agi.app.forget_pbx import forget

    try:
        found = asyncio.run(forget(load(config, load_destinations).integrators, name, print))
    except Click2DialError as error:
        fail(str(error), 1)
    if not found:
        raise typer.Exit(1)


app.command()(kamailio_config)
app.command()(kamailio_credentials)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run the command line."""
    app()
