"""Asterisk's side of the wire, from res_agi.c: what it sends, and how it reads a command."""

from __future__ import annotations

MAX_ARGS = 128  # res_agi.c; argv[MAX_ARGS] ends with a NULL of its own


def environment(script: str = "outbound", *arguments: str, **changed: str) -> bytes:
    """Return the block that ``setup_env`` writes, its empty line included."""
    variables = {
        "network": "yes",
        "network_script": script,
        "request": f"agi://127.0.0.1:4573/{script}",
        "channel": "PJSIP/1000-00000001",
        "language": "en",
        "type": "PJSIP",
        "uniqueid": "1700000000.1",
        "version": "22.5.2",
        "callerid": "1000",
        "calleridname": "Agent",
        "callingpres": "0",
        "callingani2": "0",
        "callington": "0",
        "callingtns": "0",
        "dnid": "0820000100",
        "rdnis": "unknown",
        "context": "click2dial",
        "extension": "0820000100",
        "priority": "5",
        "enhanced": "0.0",
        "accountcode": "",
        "threadid": "140000000000000",
    }
    variables.update(changed)
    variables.update((f"arg_{number}", text) for number, text in enumerate(arguments, 1))
    return "".join(f"agi_{name}: {value}\n" for name, value in variables.items()).encode() + b"\n"


def parse_args(line: str) -> list[str]:
    """Return the words of a command as ``parse_args`` reads them.

    A word more than fits is an IndexError here; there it is dropped or, if it starts with a quote,
    written past the end of the array.
    """
    words: list[str] = []
    quoted = escaped = False
    whitespace = True
    for char in line:
        if char == '"' and not escaped:
            quoted = not quoted
            if quoted and whitespace:
                words.append("")
                whitespace = False
        elif char in " \t" and not quoted and not escaped:
            whitespace = True
        elif char == "\\" and not escaped:
            escaped = True
        else:
            if whitespace:
                words.append("")
                whitespace = False
            words[-1] += char
            escaped = False
        if len(words) > MAX_ARGS - 1:
            raise IndexError("more words than argv holds")
    return words
