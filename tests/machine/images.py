"""packaging/container without a container engine: what its files say is done on a machine.

Each stage of the Dockerfile is carried out there, and each service of compose.yaml is a unit.  All
share the machine's files, as the volumes let them, and its network, which has all their addresses.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.machine import Machine

CONTAINER = Path(__file__).parents[2] / "packaging/container"
INSTRUCTION = re.compile(r"^([A-Z]+) +(.*)$")


@dataclass
class Stage:
    """One target of the Dockerfile."""

    steps: list[tuple[str, str]] = field(default_factory=list)
    user: str = "root"
    directory: str = "/"
    command: list[str] = field(default_factory=list)

    @property
    def copied(self) -> list[str]:
        """What is taken from the clone."""
        words = (shlex.split(text) for kind, text in self.steps if kind == "COPY")
        return [source for *sources, _ in words for source in sources]

    def build(self, machine: Machine, clone: str) -> None:
        """Do what the stage says."""
        for kind, text in self.steps:
            if kind == "RUN":
                machine.run(text, timeout=300)
                continue
            *sources, target = shlex.split(text)
            if target.endswith("/") or len(sources) > 1:
                machine.run(
                    f"mkdir -p {target} && cp {' '.join(sources)} {target}", directory=clone
                )
            else:  # of a directory, what is in it
                machine.run(f"mkdir -p {target} && cp -r {sources[0]}/. {target}", directory=clone)


def stages() -> dict[str, Stage]:
    """Return the targets of the Dockerfile by name."""
    found: dict[str, Stage] = {}
    now = Stage()
    for line in (CONTAINER / "Dockerfile").read_text("utf-8").splitlines():
        match = INSTRUCTION.match(line)
        if match is None:
            assert not line or line.startswith("#"), line
            continue
        kind, text = match.groups()
        match kind:
            case "FROM":
                now = found.setdefault(text.split(" AS ")[1], Stage())
            case "RUN" | "COPY":
                now.steps.append((kind, text))
            case "USER":
                now.user = text
            case "WORKDIR":
                now.directory = text
            case "ENTRYPOINT" | "CMD":
                now.command += json.loads(text)
            case _:
                assert kind in ("ARG", "ENV", "EXPOSE"), kind
    return found


def compose() -> dict[str, Any]:
    """Return compose.yaml."""
    document: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text("utf-8"))
    return document


def start(machine: Machine, name: str, stage: Stage, given: dict[str, str]) -> None:
    """Start a service as a unit; ``given`` is what .env holds."""
    service = compose()["services"][name]
    for volume in service.get("volumes", []):
        source, target, *_ = volume.split(":")
        if source.startswith("./"):
            machine.write(target, (CONTAINER / source).read_text("utf-8"))
    options = [
        f"--unit=c2d-{name}",
        f"--uid={stage.user}",
        f"--working-directory={stage.directory}",
    ]
    for key, value in service.get("environment", {}).items():
        match = re.fullmatch(r"\$\{(\w+):\?\}", value)
        options.append(f"--setenv={key}={given[match[1]] if match else value}")
    machine.run(shlex.join(["systemd-run", *options, *stage.command]))
