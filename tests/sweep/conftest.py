"""One installation for all faults; each fault is mended before the next one is made."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.redis import LocalRedis
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.conftest import tree, trunk
from tests.sweep.rig import CALLER, DID, DIDS, FRONT, KEY, Rig

__all__ = ["tree", "trunk"]

DIALPLAN = Path(__file__).parents[2] / "dialplan/click2dial.conf"

EXTENSIONS = f"""
    [from-trunk]
    exten => {DID},1,Set(C2D_AGENTS=PJSIP/{FRONT})
     same => n,Set(C2D_CONTACT_REF=${{PJSIP_HEADER(read,X-Account)}})
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    """

PJSIP = f"""
    [{CALLER}](common)
    context = from-trunk
    aors =
    """


@contextlib.contextmanager
def shared_directory(tree: Path) -> Iterator[Path]:
    """A small disk that has the same path for us and in Asterisk's chroot."""
    place = Path(tempfile.mkdtemp(prefix="c2d-sweep-", dir="/var/tmp"))
    inside = tree / str(place).lstrip("/")
    inside.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m", "tmpfs", place], check=True)
    try:
        subprocess.run(["mount", "--bind", place, inside], check=True)
        place.chmod(0o755)
        yield place
    finally:
        for mounted in (inside, place):
            subprocess.run(["umount", "--lazy", mounted], check=False)
            mounted.rmdir()


@pytest.fixture(scope="session")
def whole(tree: Path, trunk: Trunk) -> Iterator[Rig]:
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(shared_directory(tree))
        redis = LocalRedis(appendonly=True)
        stack.callback(redis.close)
        redis.start()
        spool = place / "spool"
        spool.mkdir()
        server = Server(
            redis.url,
            integrator={
                "http": f"127.0.0.1:{ports.free_port()}",
                "api_keys": [KEY],
                "dids": [DIDS],
                "ring_timeout": 5,
                "limits": {"calls_per_minute": 10_000, "concurrent_calls": 1000},
            },
            metrics={"listen": f"127.0.0.1:{ports.free_port()}"},
        )
        server.config["spool_dir"] = str(spool)
        pbx = stack.enter_context(
            Asterisk(
                tree,
                include=DIALPLAN,
                c2d_agi=server.agi_url,
                trunk_port=trunk.port,
                extra_extensions=EXTENSIONS,
                extra_pjsip=PJSIP,
            )
        )
        conf = pbx.etc / "extensions.conf"
        conf.write_text(conf.read_text().replace(pbx.spool_inside, str(spool)))
        pbx.cli("dialplan reload")
        owner = pbx.directory.stat()
        shutil.chown(spool, owner.st_uid, owner.st_gid)
        spool.chmod(0o770)
        server.config["asterisk"] = {
            "ari_url": pbx.ari_url,
            "ari_username": pbx.ari_username,
            "ari_password": pbx.ari_password,
            **pbx.manager,
        }
        server.write(server.config)
        server.options = []
        server.config_path.parent.chmod(0o750)
        stack.enter_context(server)
        rig = Rig(pbx, server, redis, trunk, spool)
        stack.enter_context(rig.phones)
        rig.register()
        yield rig


@pytest.fixture
def rig(whole: Rig) -> Rig:
    whole.heal()
    return whole
