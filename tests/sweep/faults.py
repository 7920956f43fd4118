"""What may be wrong, each with how it is made and who tells of it.

A fault is made, calls are placed, and it is mended; or calls are up while it comes (``UP``).
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox import ports
from sandbox.process import until
from sandbox.server import Server
from tests.e2e.calls.standins import broken_server, nobody
from tests.sweep.rig import KINDS, Rig, globals_of

#: What becomes of a call: it has its record; it was refused before anybody was rung; or it may have
#: none, of which an alarm has told.
RECORDED, REFUSED, TOLD = "recorded", "refused", "told"

Make = Callable[[Rig], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """``named`` is the kind of doctor's finding, ``said`` what the server's log says of it."""

    make: Make
    named: str = ""
    cases: tuple[str, ...] = ()
    said: str = ""
    calls: Mapping[str, str] = field(default_factory=dict)
    #: Calls are up when it comes, and end while it lasts.
    up: bool = False
    #: The callers give up, as nobody answers them.
    gives_up: bool = False


def both(*makes: Make) -> Make:
    """Make several faults, one after the other."""

    @contextmanager
    def make(rig: Rig) -> Iterator[None]:
        with ExitStack() as stack:
            for one in makes:
                stack.enter_context(one(rig))
            yield

    return make


def given(**values: str) -> Make:
    """Have the dialplan's globals otherwise."""

    @contextmanager
    def make(rig: Rig) -> Iterator[None]:
        before = globals_of(rig.pbx)
        for name, value in values.items():
            rig.set_global(name, value.replace("OURS", rig.server.agi_url))
        try:
            yield
        finally:
            for name in values:
                rig.set_global(name, before.get(name, ""))

    return make


def standing_in(server: Callable[[], AbstractContextManager[str]]) -> Make:
    """Have another program where the dialplan looks for the server."""

    @contextmanager
    def make(rig: Rig) -> Iterator[None]:
        with server() as url, given(C2D_AGI=url)(rig):
            yield

    return make


@contextmanager
def silent_server() -> Iterator[str]:
    """Take connections and say nothing."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", ports.free_port())) as listener:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"agi://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in taken:
                one.close()


def edited(name: str, old: str, new: str, command: str) -> Make:
    """Have one of Asterisk's files otherwise, and have it read."""

    return lambda rig: rig.pbx.edited(name, old, new, command)


def without(module: str) -> Make:
    """Have Asterisk run without a module."""

    @contextmanager
    def make(rig: Rig) -> Iterator[None]:
        rig.pbx.cli(f"module unload {module}.so")
        try:
            yield
        finally:
            rig.pbx.cli(f"module load {module}.so")

    return make


def configured(**sections: Any) -> Make:
    """Have the server's configuration otherwise, by a reload; `integrator` is merged."""

    @contextmanager
    def make(rig: Rig) -> Iterator[None]:
        before = rig.server.config
        integrator = {**before["integrators"][0], **sections.get("integrator", {})}
        rest = {key: value for key, value in sections.items() if key != "integrator"}
        rest = {
            k: {**before.get(k, {}), **v} if isinstance(v, dict) else v for k, v in rest.items()
        }
        rig.server.write({**before, "integrators": [integrator], **rest})
        reload(rig)
        try:
            yield
        finally:
            rig.server.write(before)
            reload(rig)

    return make


def reload(rig: Rig) -> None:
    count = rig.server.log().count("configuration reloaded")
    rig.server.reload()
    until(lambda: rig.server.log().count("configuration reloaded") > count, 10, "the reload")


def redis_has(**settings: str) -> Make:
    """Have Redis set otherwise."""

    @contextmanager
    def make(rig: Rig) -> Iterator[None]:
        with rig.client as client:
            before = {key: client.config_get(key)[key] for key in map(_key, settings)}
            for name, value in settings.items():
                client.config_set(_key(name), value)
            try:
                yield
            finally:
                for name, value in before.items():
                    client.config_set(name, value)

    return make


def _key(name: str) -> str:
    return name.replace("_", "-")


@contextmanager
def redis_needs_a_password(rig: Rig) -> Iterator[None]:
    with rig.client as client:
        client.config_set("requirepass", "new")
        client.client_kill_filter(skipme=True)
        try:
            yield
        finally:
            client.config_set("requirepass", "")


@contextmanager
def redis_is_a_replica(rig: Rig) -> Iterator[None]:
    with rig.client as client:
        client.replicaof("127.0.0.1", str(ports.free_port()))
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


@contextmanager
def redis_lets_us_push_no_more(rig: Rig) -> Iterator[None]:
    with rig.client as client:
        client.execute_command("ACL SETUSER default -eval -evalsha")
        try:
            yield
        finally:
            client.execute_command("ACL SETUSER default +@all")


@contextmanager
def another_type(rig: Rig) -> Iterator[None]:
    with rig.client as client:
        client.set("enigma:notifications:cdr", "no list")
        try:
            yield
        finally:
            client.delete("enigma:notifications:cdr")


@contextmanager
def redis_away(rig: Rig) -> Iterator[None]:
    rig.redis.stop()
    try:
        yield
    finally:
        rig.redis.start()


@contextmanager
def server_away(rig: Rig) -> Iterator[None]:
    rig.server.kill()
    try:
        yield
    finally:
        rig.server.start()


@contextmanager
def another_server_on_the_spool(rig: Rig) -> Iterator[None]:
    """Two servers have one directory, and calls ask the one or the other."""
    own = rig.server.config
    integrator = {**own["integrators"][0], "http": None}
    with ExitStack() as stack:
        one = Server(rig.redis.url, integrator=integrator, spool_dir=own["spool_dir"])
        other = stack.enter_context(one)
        stack.enter_context(given(C2D_AGI=f"{other.agi_url} {rig.server.agi_url}")(rig))
        yield


@contextmanager
def spool_gone(rig: Rig) -> Iterator[None]:
    owner = rig.spool.stat()
    shutil.rmtree(rig.spool)
    try:
        yield
    finally:
        rig.spool.mkdir(exist_ok=True)
        os.chown(rig.spool, owner.st_uid, owner.st_gid)
        rig.spool.chmod(0o770)


@contextmanager
def spool_only_ours(rig: Rig) -> Iterator[None]:
    """Another user's than Asterisk's: the server may write, Asterisk may not."""
    owner = rig.spool.stat()
    os.chown(rig.spool, 0, 0)
    rig.spool.chmod(0o700)
    try:
        yield
    finally:
        os.chown(rig.spool, owner.st_uid, owner.st_gid)
        rig.spool.chmod(0o770)


@contextmanager
def spool_file_of_root(rig: Rig) -> Iterator[None]:
    file = rig.spool / "calls.spool"
    file.touch(0o600)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@contextmanager
def spool_file_is_a_directory(rig: Rig) -> Iterator[None]:
    file = rig.spool / "calls.spool"
    file.mkdir()
    try:
        yield
    finally:
        file.rmdir()


@contextmanager
def disk_full(rig: Rig) -> Iterator[None]:
    disk = rig.spool.parent
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"x" * 1_000_000):
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def server_out_of_files(rig: Rig) -> Iterator[None]:
    """Leave the server no file descriptor beyond those that it has open."""
    before = resource.prlimit(rig.server.pid, resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir(f"/proc/{rig.server.pid}/fd"))) + 1
    resource.prlimit(rig.server.pid, resource.RLIMIT_NOFILE, (used, before[1]))
    try:
        yield
    finally:
        resource.prlimit(rig.server.pid, resource.RLIMIT_NOFILE, before)


@contextmanager
def asterisk_dies(rig: Rig) -> Iterator[None]:
    rig.pbx.kill()
    rig.pbx.start()
    yield
    rig.register()


GARBAGE = b"HTTP/1.1 400 Bad Request\r\n\r\nnonsense\n"

#: Where no server is asked, calls of agents are refused, and recorded all the same.
UNASKED = {"created": RECORDED}
#: Where the API has no Redis to count its calls in.
NO_API = {"created": REFUSED}
#: Where Redis and disk are away, or nobody is there and the spool is no good.
NOWHERE = {"phone": TOLD, "refused": TOLD, "inbound": TOLD, "created": REFUSED}

CONFIGURED_WEBHOOK = {"name": "crm", "url": "http://127.0.0.1:9/", "secret": "secret-of-the-crm"}
INCLUDE = '#include "'

FAULTS: dict[str, Fault] = {
    # Where the dialplan looks for us.
    "agi-nobody": Fault(lambda rig: given(C2D_AGI=nobody())(rig), "agi-unreachable"),
    "agi-empty": Fault(given(C2D_AGI=""), "agi-elsewhere"),
    "agi-no-address": Fault(given(C2D_AGI="127.0.0.1:4574"), "agi-address"),
    "agi-name-unknown": Fault(given(C2D_AGI="agi://nowhere.invalid:4574"), "agi-unreachable"),
    "agi-is-http": Fault(
        lambda rig: given(C2D_AGI=f"agi://{rig.server.config['integrators'][0]['http']}")(rig),
        "agi-elsewhere",
    ),
    "agi-garbage": Fault(standing_in(lambda: broken_server(GARBAGE)), "agi-elsewhere"),
    "agi-closes": Fault(standing_in(lambda: broken_server(b"")), "agi-elsewhere"),
    "agi-silent": Fault(standing_in(silent_server), "agi-elsewhere", gives_up=True),
    # What else the dialplan is given.
    "secret-differs": Fault(
        given(C2D_SECRET="another-secret-of-yours"),
        "secret-differs",
        said="spool: no record: seal",
        calls={"phone": REFUSED, "refused": REFUSED, "inbound": TOLD, "created": TOLD},
    ),
    "spool-elsewhere": Fault(given(C2D_SPOOL="/nowhere/calls.spool"), "spool-elsewhere", ("O5",)),
    "spool-relative": Fault(given(C2D_SPOOL="calls.spool"), "spool-elsewhere", ("O5",)),
    "spool-elsewhere-server-away": Fault(
        both(given(C2D_SPOOL="/nowhere/calls.spool"), server_away),
        "calls-unkept",
        ("O5",),
        calls=NOWHERE,
    ),
    "recordings-elsewhere": Fault(
        both(given(C2D_RECORDINGS="/nowhere"), configured(integrator={"record": True})),
        "recordings-elsewhere",
    ),
    "emergency-differs": Fault(given(C2D_EMERGENCY="112 10111 10177"), "emergency-differs"),
    "dialplan-of-another-version": Fault(given(C2D_VERSION="0.3.0"), "dialplan-version", ("O11",)),
    # Asterisk.
    "dialplan-gone": Fault(
        edited("extensions.conf", INCLUDE, f";{INCLUDE}", "dialplan reload"),
        "dialplan-missing",
        ("O9",),
        # The API has it for lost after 20 s, and records it then.
        calls={"phone": REFUSED, "refused": REFUSED, "inbound": REFUSED, "created": TOLD},
    ),
    "dialplan-gone-while-calls-are-up": Fault(
        edited("extensions.conf", INCLUDE, f";{INCLUDE}", "dialplan reload"),
        "dialplan-missing",
        ("O9",),
        said="(?s)has no record.*has no record",
        calls={"phone": TOLD, "inbound": TOLD},
        up=True,
    ),
    "include-unreadable": Fault(
        edited("extensions.conf", INCLUDE, f"#include nowhere.conf\n{INCLUDE}", "core show uptime"),
        "include-unreadable",
        ("O9",),
    ),
    "asterisk-dies-while-calls-are-up": Fault(
        asterisk_dies,
        said="(?s)has no record.*has no record",
        calls={"phone": TOLD, "inbound": TOLD},
        up=True,
    ),
    "http-disabled": Fault(
        edited("http.conf", "enabled = yes", "enabled = no", "module reload http"),
        "ari-away",
        ("O15",),
    ),
    "ari-password-changed": Fault(
        edited("ari.conf", "password = ", "password = x", "module reload res_ari"),
        "ari-password",
        ("O15",),
        calls=NO_API,
    ),
    "ami-password-changed": Fault(
        edited("manager.conf", "secret = ", "secret = x", "manager reload"), "manager-password"
    ),
    "endpoint-in-another-context": Fault(
        edited(
            "pjsip.conf", 'callerid = "Agent 1000" <1000>', "context = from-trunk", "pjsip reload"
        ),
        "context-elsewhere",
        calls={"phone": REFUSED},
    ),
    "trunk-unknown": Fault(
        configured(integrator={"trunk_dial": "PJSIP/{number}@nowhere"}), "trunk-missing"
    ),
    # Redis.
    "redis-password-changed": Fault(redis_needs_a_password, "redis-refuses", calls=NO_API),
    "redis-replica": Fault(redis_is_a_replica, "redis-refuses", ("C16",), calls=NO_API),
    "redis-full": Fault(redis_has(maxmemory="1"), "redis-refuses", calls=NO_API),
    "redis-wants-replicas": Fault(
        redis_has(min_replicas_to_write="1"), "redis-refuses", calls=NO_API
    ),
    "redis-evicts": Fault(
        redis_has(maxmemory="100mb", maxmemory_policy="allkeys-lru"), "redis-evicts"
    ),
    "redis-no-scripts": Fault(redis_lets_us_push_no_more, "redis-refuses", ("C16",), calls=NO_API),
    "redis-list-of-another-type": Fault(
        another_type, "redis-list-taken", said="Redis did not take .*WRONGTYPE"
    ),
    "redis-away": Fault(redis_away, "redis-refuses", calls=NO_API),
    # The server.
    "server-away": Fault(server_away, "not-listening", calls=NO_API),
    "redis-and-server-away": Fault(both(redis_away, server_away), "not-listening", calls=NO_API),
    "two-servers-on-one-spool-redis-away": Fault(
        both(another_server_on_the_spool, redis_away), "redis-refuses", ("C15",), calls=NO_API
    ),
    "extension-of-nobody": Fault(
        configured(integrator={"extensions": ["1002-1199", "1200-1299"]}),
        "extension-unknown",
        calls={"phone": REFUSED, "refused": REFUSED},
    ),
    "did-of-nobody": Fault(
        configured(integrator={"dids": ["0215559999"]}),
        said="has no integrator.* dids",
        calls={"inbound": TOLD},
    ),
    "allow-from-without-the-pbx": Fault(
        configured(agi={"allow_from": ["192.0.2.0/24"]}), said="not in agi.allow_from"
    ),
    "server-out-of-files": Fault(
        server_out_of_files,
        said="Too many open files.*LimitNOFILE",
        calls=NO_API,
    ),
    "integrator-renamed-while-calls-are-up": Fault(
        configured(integrator={"name": "renamed"}),
        said="integrator: a configured one, not acme",
        up=True,
        calls={"phone": TOLD, "inbound": RECORDED},
    ),
    "webhook-away": Fault(
        configured(integrator={"webhooks": [CONFIGURED_WEBHOOK]}), said="webhook .*trying again"
    ),
    # Its disk.
    "spool-gone": Fault(spool_gone, "directory-missing", ("O5",)),
    "spool-gone-redis-away": Fault(
        both(spool_gone, redis_away), "redis-refuses", ("O5",), calls=NO_API
    ),
    "spool-gone-in-an-outage": Fault(
        both(redis_away, spool_gone), "redis-refuses", ("O5",), up=True
    ),
    "disk-full": Fault(disk_full, "directory-not-writable"),
    "disk-full-recordings": Fault(
        both(configured(integrator={"record": True}), disk_full), "directory-not-writable"
    ),
    "disk-full-redis-away": Fault(
        both(disk_full, redis_away), "directory-not-writable", calls=NOWHERE
    ),
    "disk-full-server-away": Fault(both(disk_full, server_away), "calls-unkept", calls=NOWHERE),
    "spool-not-asterisks-server-away": Fault(
        both(spool_only_ours, server_away), "calls-unkept", ("O5",), calls=NOWHERE
    ),
    "spool-file-of-root-server-away": Fault(
        both(server_away, spool_file_of_root), "calls-unkept", ("O4",), calls=NOWHERE
    ),
    "spool-file-a-directory-server-away": Fault(
        both(server_away, spool_file_is_a_directory), "calls-unkept", calls=NOWHERE
    ),
    "journal-full-redis-away": Fault(
        both(configured(journal_max_records=1), redis_away), "redis-refuses", calls=NO_API
    ),
}

# Those without which records are lost, or nothing is believed; doctor's own tests have the others.
for _module in ("app_exec", "app_stack", "func_channel", "func_sha1"):
    FAULTS[f"without-{_module}"] = Fault(
        without(_module), "module-missing", ("O6",), calls=dict.fromkeys(KINDS, TOLD)
    )
