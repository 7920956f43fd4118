"""What the commands share: their options, the configuration, the log, and how they fail."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from click2dial_agi.domain.config import Config
from click2dial_agi.exceptions import ConfigError, SecretAway
from click2dial_agi.io.config_file import load_config

__all__ = [
    "DEFAULT_CONFIG",
    "ConfigOption",
    "LogFormatOption",
    "LogLevelOption",
    "complain",
    "fail",
    "load",
    "set_up_logging",
]

ConfigOption = Annotated[
    Path,
    # That it cannot be read is said by who reads it: in one line, which a log can hold.
    typer.Option(
        "--config", "-c", envvar="C2D_CONFIG", readable=False, help="The YAML configuration file."
    ),
]
LogLevelOption = Annotated[
    str,
    typer.Option(
        envvar="C2D_LOG_LEVEL", help="DEBUG, INFO, WARNING or ERROR; DEBUG shows the wire."
    ),
]
LogFormatOption = Annotated[
    str, typer.Option(envvar="C2D_LOG_FORMAT", help="text, or json: an object a line.")
]
DEFAULT_CONFIG = Path("/etc/click2dial/click2dial.yaml")


def set_up_logging(level: str, form: str = "text") -> None:
    from click2dial_agi.app.logs import FORMATS, configure_logging

    # Whoever started us: what is written holds personal data, and is for our user and group alone.
    os.umask(os.umask(0o027) | 0o027)
    if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        fail("--log-level: DEBUG, INFO, WARNING or ERROR")
    if form not in FORMATS:
        fail(f"--log-format: {' or '.join(FORMATS)}")
    configure_logging(level.upper(), form)


def load(path: Path, read: Callable[[Path], Config] = load_config) -> Config:
    try:
        return read(path)
    except ConfigError as error:
        others = len(getattr(error, "__notes__", []))
        more = f" (and {others} more: see click2dial-agi check-config)" if others else ""
        # A secret may be mounted a moment later than we start.
        fail(f"{error}{more}", 1 if isinstance(error, SecretAway) else 2)


def fail(message: str, code: int = 2) -> NoReturn:
    """End with one clear line and an exit code; 2 is for what is written wrong.

    systemd does not start us again after that one.
    """
    complain(f"click2dial-agi: {message}")
    raise typer.Exit(code)


def complain(line: str) -> None:
    """Say what is wrong on standard error, which may be systemd's journal."""
    from click2dial_agi.app.logs import for_journal

    print(for_journal(line, logging.ERROR), file=sys.stderr)
