"""The operator's own Dial()s behind Local channels: do they follow a 302."""

import re
from collections.abc import Iterator, Sequence

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.io.asterisk_console import AsteriskConsole

__all__ = ["check_forwards", "follows_forwards", "local_contexts"]

_LOCAL = re.compile(r"Local/[^@]*@([A-Za-z0-9_.-]+)", re.IGNORECASE)
_DIAL = re.compile(r"\b(?:Try|Retry)?Dial\((.*)\)\s*(?:\[[^\]]*\])?$")


def local_contexts(config: Config) -> dict[str, str]:
    """Return the contexts that agent_dial and trunk_dial lead to, and which key names each."""
    found: dict[str, str] = {}
    for one in config.integrators:
        for key, dial in (("agent_dial", one.agent_dial), ("trunk_dial", one.trunk_dial)):
            if match := _LOCAL.match(dial):
                found.setdefault(match[1], f"integrators.{one.name}.{key}")
    return found


def follows_forwards(shown: str) -> list[str]:
    """Return the Dial() lines, in what ``dialplan show CONTEXT`` prints, without the option i."""
    lines = (line.strip() for line in shown.splitlines())
    dials = [(line, match[1]) for line in lines if (match := _DIAL.search(line))]
    return [line for line, arguments in dials if "i" not in _options(_split(arguments))]


def check_forwards(config: Config, console: AsteriskConsole) -> Iterator[Finding]:
    """Look into the contexts behind Local channels; those that they lead on to are not seen."""
    for context, key in local_contexts(config).items():
        lines = follows_forwards(console.ask(f"dialplan show {context}") or "")
        if lines:
            yield Finding(
                Level.DANGER,
                "dial-follows",
                f"{key} leads to context {context}, where Dial() has no option i: {lines[0][:120]}",
                "a phone or trunk that answers 302 makes Asterisk dial whatever it names, at your "
                "cost and past all rules",
                "the letter i among the options of Dial(), as in Dial(PJSIP/${EXTEN},20,i)",
            )


def _split(arguments: str) -> Sequence[str]:
    """Split at the commas that are in no parentheses, braces or brackets."""
    parts, depth = [""], 0
    for character in arguments:
        depth += (character in "({[") - (character in ")}]")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _options(parts: Sequence[str]) -> str:
    """Return the letters of Dial()'s options, without what stands in parentheses behind them."""
    letters = parts[2] if len(parts) > 2 else ""
    while (shorter := re.sub(r"\([^()]*\)", "", letters)) != letters:
        letters = shorter
    return letters
