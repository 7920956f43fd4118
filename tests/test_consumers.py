"""docs/consumers.md: its examples, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from sandbox.process import require, until
from sandbox.redis import RedisServer

DOCS = Path(__file__).parents[1] / "docs/consumers.md"
LIST = "enigma:notifications:cdr"
TAKEN = "{enigma:notifications:cdr}:taken:crm"
EXAMPLES = dict(re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL))


def notification(number: int) -> str:
    payload = {"call_ref": f"call-{number}", "end_reason": "hungup", "contact_ref": 'é "x" \\'}
    return json.dumps({"type": "cdr", "payload": payload})


@pytest.mark.parametrize("name", ["simple.py", "safe.py", "safe.sh"])
def test_each_comes_once_in_order_and_after_a_crash_too(
    redis: RedisServer, client: Redis, tmp_path: Path, name: str
) -> None:
    script, output = tmp_path / name, tmp_path / "output"
    script.write_text(EXAMPLES[name], "utf-8")
    if name.endswith("sh"):
        require("redis-cli", "redis-tools")
    program = [sys.executable] if name.endswith("py") else ["sh"]
    left = 0
    if name.startswith("safe"):  # what it had taken when it crashed, newest first
        left = client.lpush(TAKEN, notification(0), notification(1))
    client.lpush(LIST, *(notification(number) for number in range(left, 5)))
    with (
        output.open("w") as sink,
        subprocess.Popen(
            [*program, script, redis.url, "crm"], stdout=sink, start_new_session=True
        ) as consumer,
    ):
        try:
            until(lambda: output.read_text().count("\n") == 5, 20, "five")
            client.lpush(LIST, notification(5))
            until(lambda: output.read_text().count("\n") == 6, 20, "one more")
            until(lambda: client.llen(TAKEN) == 0, 20, "the acknowledgement")
        finally:
            os.killpg(consumer.pid, signal.SIGKILL)  # the shell's redis-cli too
    assert re.findall(r"call-\d", output.read_text()) == [f"call-{number}" for number in range(6)]
    assert client.llen(LIST) == 0
