"""packaging/container on a container engine, as an operator has it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.image import debian_image
from sandbox.process import until

#: What .env holds.
GIVEN: Mapping[str, str] = {
    "C2D_SECRET": "secret-of-the-dialplan",
    "C2D_ARI_PASSWORD": "ari-secret",
    "C2D_API_KEY": "key-of-acme-0123456789",
    "C2D_PHONE_PASSWORD": "phone-secret",
}
LIST = "enigma:notifications:cdr"

_PROJECT = "c2d-test"
_PLUGIN, _PROGRAM = ("docker", "compose"), ("docker-compose",)


@functools.cache
def compose_command() -> Sequence[str]:
    """Return what runs compose here; empty if nothing does."""
    for command in (_PLUGIN, _PROGRAM):
        if shutil.which(command[0]) is not None:
            done = subprocess.run([*command, "version"], capture_output=True, check=False)
            if done.returncode == 0:
                return command
    return ()


class Stack:
    """The services of compose.yaml of a clone in which a package was built, phones included.

    Use it as a context manager: nothing of it is left, neither images nor volumes.
    """

    def __init__(self, clone: Path) -> None:
        self._directory = clone / "packaging/container"
        self._environment = {
            **os.environ,
            **GIVEN,
            "COMPOSE_PROJECT_NAME": _PROJECT,
            "C2D_SERVER": debian_image(),
            "C2D_ASTERISK": debian_image(),
            # What any engine can do.
            "DOCKER_BUILDKIT": "0",
        }

    def __enter__(self) -> Stack:
        self.__exit__()  # what a run that was killed has left
        try:
            self("build", timeout=400)
            self("up", "--detach", timeout=60)
            until(self._healthy, 60, "the services' health")
        except BaseException as error:
            error.add_note(self("logs", "--no-color", "--tail", "20", check=False))
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self("down", "--volumes", "--rmi", "local", "--timeout", "1", check=False)

    def __call__(self, *arguments: str, check: bool = True, timeout: float = 60.0) -> str:
        """Run compose; AssertionError tells what a failed one said."""
        argv = [*compose_command(), "--profile", "phones", *arguments]
        done = subprocess.run(
            argv,
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{argv}: {done.stdout[-5000:]}\n{done.stderr[-5000:]}")
        return done.stdout

    def run(self, service: str, script: str, **how: Any) -> str:
        """Run a shell script in a service's container."""
        return self("exec", "-T", service, "sh", "-ec", script, **how)

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of a service's container."""
        container = self("ps", "--all", "--quiet", service).strip()
        done = subprocess.run(["docker", "inspect", container], capture_output=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)[0]
        return found

    def _healthy(self) -> bool:
        states = (self.inspect(name)["State"] for name in ("redis", "server", "asterisk"))
        return all(state["Health"]["Status"] == "healthy" for state in states)

    def stop(self, service: str) -> float:
        """Stop a service; return the seconds that it took."""
        began = time.monotonic()
        self("stop", service)
        return time.monotonic() - began

    def call(self, number: str) -> float:
        """Let an agent's phone call somebody and hang up; return the seconds that it took."""
        began = time.monotonic()
        self.run(
            "phones",
            f"sipp -sf /tmp/call.xml -i 172.28.74.5 -p 5081 -mp 6200 -s {number} -m 1 "
            "-timeout 20 -nostdin 172.28.74.2:5060",
        )
        return time.monotonic() - began

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records on the integrator's list, the newest first."""
        for line in self.run("redis", f"redis-cli --raw LRANGE {LIST} 0 -1").splitlines():
            yield json.loads(line)["payload"]

    def record_of(self, number: str) -> dict[str, Any]:
        """Wait for the record of the one call to a number."""
        found = until(
            lambda: [one for one in self.records() if one["number"] == number], 10, "the record"
        )
        assert len(found) == 1, found
        return found[0]
