"""What doctor finds on a machine: files, ports, certificates, Redis."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis

from click2dial_agi.app.doctor import Finding, Level, examine_pbx, stores
from click2dial_agi.app.doctor.files import (
    check_directories,
    check_secrets,
    check_served_certificates,
    check_tls,
)
from click2dial_agi.app.doctor.ports import check_ports
from click2dial_agi.app.doctor.stores import check_redis
from click2dial_agi.domain.config import Config, parse_config
from sandbox import ports
from sandbox.process import until
from sandbox.redis import LocalRedis, RedisServer
from sandbox.waiting import patience
from tests.domain.examples import ACME


def config(directory: Path, redis: str = "redis://127.0.0.1:1/0", **keys: Any) -> Config:
    names = [name for name in ("agi", "asterisk", "edge", "metrics") if name in keys]
    sections = {str(name): keys.pop(name) for name in names}
    document: dict[str, Any] = {
        "spool_dir": str(directory),
        "recordings_dir": str(directory / "recordings"),
        "integrators": [{**ACME, "redis": redis, **keys}],
        **sections,
    }
    return parse_config(document)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A spool as it should be."""
    path = tmp_path / "spool"
    path.mkdir(mode=0o750)
    yield path
    path.chmod(0o750)


def kinds(findings: Iterator[Finding] | list[Finding]) -> list[str]:
    return [one.check for one in findings if one.level is not Level.NOTE]


class TestDirectories:
    def test_a_good_one(self, directory: Path) -> None:
        assert kinds(check_directories(config(directory))) == []
        assert list(directory.iterdir()) == []

    @pytest.mark.case("O5")
    def test_one_that_is_missing_or_no_directory(self, directory: Path) -> None:
        missing = config(directory / "missing", record=True)
        assert kinds(check_directories(missing)) == ["directory-missing"] * 2
        file = directory / "file"
        file.touch()
        (found,) = check_directories(config(file))
        assert "is no directory" in found.what

    @pytest.mark.case("O5")
    def test_one_that_cannot_be_written(self) -> None:
        # root may write anywhere but there
        found, *_ = check_directories(config(Path("/proc/self")))
        assert (found.check, found.level) == ("directory-not-writable", Level.DANGER)
        assert "chown" in found.cure

    @pytest.mark.case("O5")
    @pytest.mark.parametrize(
        ("number", "cure"), [(errno.ENOSPC, "df -h"), (errno.EROFS, "findmnt"), (13, "chown")]
    )
    def test_what_mends_it_depends_on_why(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch, number: int, cure: str
    ) -> None:
        def fail(**_: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("click2dial_agi.app.doctor.files.tempfile.TemporaryFile", fail)
        found, *_ = check_directories(config(directory))
        assert found.check == "directory-not-writable"
        assert found.cure.startswith(cure)

    @pytest.mark.case("O13")
    def test_one_that_everybody_reads(self, directory: Path) -> None:
        directory.chmod(0o755)
        assert kinds(check_directories(config(directory))) == ["open-directory"]

    @pytest.mark.case("O4")
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root leaves files of root's")
    def test_files_that_root_left_there(self, directory: Path) -> None:
        (directory / "calls.spool.rejected").touch()
        found = list(check_directories(config(directory)))
        assert kinds(found) == ["file-of-root"]
        assert "chown" in found[0].cure

    @pytest.mark.case("C33")
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root leaves files of root's")
    def test_files_of_a_server_that_root_runs(self, directory: Path) -> None:
        """By hand, say: it writes them itself. What the dialplan writes is Asterisk's."""
        (directory / "journal.db").touch()
        (directory / "calls.spool").touch()
        with socket.create_server(("127.0.0.1", 0)) as server:
            agi = {"listen": f"127.0.0.1:{server.getsockname()[1]}"}
            (found,) = check_directories(config(directory, agi=agi))
            assert f"{directory}/calls.spool belongs to root" in found.what
        assert len(list(check_directories(config(directory, agi=agi)))) == 2

    def test_files_that_the_service_itself_cannot_write(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (directory / "calls.spool").touch()
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert kinds(list(check_directories(config(directory)))) == []
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert kinds(list(check_directories(config(directory)))) == ["file-of-root"]

    def test_little_room(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = shutil.disk_usage(directory)._replace(free=400 * 1024**2)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        (found,) = check_directories(config(directory))
        assert (found.check, found.level) == ("disk-full", Level.WARNING)
        assert "has 400 MiB free" in found.what


@pytest.mark.case("S15")
@pytest.mark.parametrize("with_tls", [True, False])
def test_a_rest_interface_whose_certificate_nobody_trusts_is_named(
    tmp_path: Path, with_tls: bool
) -> None:
    """Or that speaks no TLS at that port: it is there, and enabled."""

    async def scenario() -> list[Finding]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made = TestCertificates.made(tmp_path, "pbx", 90)
        context.load_cert_chain(made["cert"], made["key"])

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        tls = context if with_tls else None
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/ari"
            asterisk = {"ari_url": url, "ari_password": "hush-hush-hush"}
            return await examine_pbx(config(tmp_path, asterisk=asterisk))

    (found,) = asyncio.run(scenario())
    assert found.check == "ari-tls"
    assert "update-ca-certificates" in found.cure


@pytest.mark.parametrize("answer", [b"[", b"[" * 100_000, b"{}" * 2])
def test_a_rest_interface_that_talks_nonsense_is_named(tmp_path: Path, answer: bytes) -> None:
    """It takes the password, and answers that."""

    async def scenario() -> list[Finding]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            writer.write(head % len(answer) + answer)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ari"
            asterisk = {"ari_url": url, "ari_password": "hush-hush-hush"}
            return await examine_pbx(config(tmp_path, asterisk=asterisk))

    (found,) = asyncio.run(scenario())
    assert found.check == "ari-refuses"
    assert "hush" not in found.line()


@pytest.mark.case("O13")
def test_a_secret_that_everybody_reads_is_named(tmp_path: Path) -> None:
    path, secret = tmp_path / "click2dial.yaml", tmp_path / "ari-password"
    secret.write_text("hush")
    path.write_text(f"asterisk: {{ari_password: 'file:{secret}'}}\n")
    for one, mode in ((path, 0o640), (secret, 0o644)):
        one.chmod(mode)
    (found,) = check_secrets(path)
    assert found.check == "open-secret"
    assert str(secret) in found.what
    assert "hush" not in found.line()
    assert kinds(check_secrets(tmp_path / "missing")) == []
    for one, mode in ((path, 0o644), (secret, 0o640)):  # as a compose file's beside its .env
        one.chmod(mode)
    assert kinds(check_secrets(path)) == []
    path.write_text(f"# ami_password: file:{tmp_path}/missing\nasterisk: {{ari_password: hush}}\n")
    assert kinds(check_secrets(path)) == ["open-secret"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look as another user")
def test_a_configuration_that_the_service_cannot_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor that writes a file anew makes it root's: it shows at the next start."""
    monkeypatch.setattr("click2dial_agi.app.doctor.files.SERVICE_USER", "nobody")
    path = tmp_path / "click2dial.yaml"
    path.write_text("integrators: []\n")
    path.chmod(0o600)
    (found,) = check_secrets(path)
    assert (found.check, found.level) == ("secret-unreadable", Level.DANGER)
    assert f"{path} cannot be read by nobody: Permission denied" in found.what


class TestCertificates:
    @staticmethod
    def made(directory: Path, name: str, days: int) -> dict[str, str]:
        """Make a certificate; one of -1 days has expired."""
        cert, key = str(directory / f"{name}.pem"), str(directory / f"{name}.key")
        begin = "20200101000000Z"
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        argv += ["-nodes", "-subj", "/CN=localhost", "-out", cert, "-keyout", key]
        subprocess.run([*argv, "-days", str(max(days, 1))], check=True, capture_output=True)
        if days < 0:
            request = directory / "request"
            subprocess.run(
                ["openssl", "req", "-new", "-key", key, "-subj", "/CN=localhost", "-out", request],
                check=True,
                capture_output=True,
            )
            issuer = TestCertificates.ca(directory)
            subprocess.run(
                [
                    *("openssl", "ca", "-batch", "-config", issuer, "-in", request, "-out", cert),
                    *("-startdate", begin, "-enddate", "20200201000000Z", "-notext"),
                ],
                check=True,
                capture_output=True,
            )
        return {"cert": cert, "key": key}

    @staticmethod
    def ca(directory: Path) -> str:
        """Make an authority; only `openssl ca` takes dates in every version."""
        ca = TestCertificates.made(directory, "ca", 30)
        (directory / "index").touch()
        (directory / "serial").write_text("01\n")
        path = directory / "ca.cnf"
        path.write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={directory}/index\nserial={directory}/serial\n"
            f"new_certs_dir={directory}\ncertificate={ca['cert']}\nprivate_key={ca['key']}\n"
            "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
        )
        return str(path)

    @pytest.mark.case("O14")
    @pytest.mark.parametrize(
        ("days", "expected"), [(90, []), (5, ["tls-expires"]), (-1, ["tls-expired"])]
    )
    def test_its_end(self, tmp_path: Path, days: int, expected: list[str]) -> None:
        made = config(tmp_path, tls=self.made(tmp_path, "one", days))
        assert kinds(check_tls(made)) == expected

    @pytest.mark.case("O14")
    def test_files_that_are_missing_or_do_not_match(self, tmp_path: Path) -> None:
        one, other = self.made(tmp_path, "one", 90), self.made(tmp_path, "other", 90)
        edge = {"tls": {**one, "key": other["key"]}}
        made = config(tmp_path, edge=edge, tls={**one, "cert": str(tmp_path / "missing")})
        assert kinds(check_tls(made)) == ["tls-unusable", "tls-unusable"]

    @pytest.mark.case("C36")
    def test_one_without_its_issuers(self, tmp_path: Path) -> None:
        """As Let's Encrypt's cert.pem is: browsers fetch the rest, programs do not."""
        issuer = self.made(tmp_path, "issuer", 90)
        request, leaf = tmp_path / "request.pem", tmp_path / "leaf.pem"
        (tmp_path / "more").write_text("authorityInfoAccess=caIssuers;URI:http://a.example/a.crt\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(request)]
        signed = ["-CA", issuer["cert"], "-CAkey", issuer["key"], "-days", "90"]
        more = ["-extfile", str(tmp_path / "more")]
        for arguments in (
            ["req", *key, "-subj", "/CN=pbx.example.com", *files],
            ["x509", "-req", "-in", str(request), *signed, "-out", str(leaf), *more],
        ):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True)
        made = config(tmp_path, tls={"cert": str(leaf), "key": str(tmp_path / "key.pem")})
        (found,) = check_tls(made)
        assert (found.check, found.level) == ("tls-chain", Level.WARNING)
        assert "fullchain.pem" in found.cure
        leaf.write_text(leaf.read_text() + Path(issuer["cert"]).read_text())
        assert list(check_tls(made)) == []

    def test_one_that_was_renewed_without_a_reload(self, tmp_path: Path) -> None:
        old, new = self.made(tmp_path, "old", 90), self.made(tmp_path, "new", 90)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(old["cert"], old["key"])

        def made(cert: dict[str, str]) -> Config:
            asterisk = {"ari_password": "hush-hush-hush"}
            return config(tmp_path, tls=cert, http=listen, asterisk=asterisk)

        def served(cert: dict[str, str]) -> list[str]:
            asking = ThreadPoolExecutor(1).submit(
                lambda: kinds(check_served_certificates(made(cert)))
            )
            with contextlib.suppress(OSError), listener.accept()[0] as client:
                context.wrap_socket(client, server_side=True).close()
            return asking.result()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(patience(5))
            listen = f"127.0.0.1:{listener.getsockname()[1]}"
            assert served(old) == []
            assert served(new) == ["tls-stale"]
        assert kinds(check_served_certificates(made(new))) == []  # nobody is there


class TestPorts:
    def test_a_server_that_does_not_run(self, tmp_path: Path) -> None:
        port = ports.free_port()
        (found,) = check_ports(config(tmp_path, agi={"listen": f"127.0.0.1:{port}"}))
        assert (found.check, found.level) == ("not-listening", Level.DANGER)
        assert "systemctl restart" in found.cure

    def test_all_that_does_not_listen_is_one_finding(self, tmp_path: Path) -> None:
        listeners: dict[str, Any] = {
            name: {"listen": f"127.0.0.1:{ports.free_port()}"} for name in ("agi", "edge")
        }
        (found,) = check_ports(config(tmp_path, **listeners))
        assert found.level is Level.DANGER
        for one in ("(agi.listen)", "(edge.listen)"):
            assert one in found.what

    @pytest.mark.case("O16")
    def test_a_port_that_somebody_else_has_is_named_with_its_owner(self, tmp_path: Path) -> None:
        port = ports.free_port()
        argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, cwd=tmp_path) as redis:
            try:
                until(lambda: not ports.is_free(port), 10, "the other server")
                made = config(tmp_path, agi={"listen": f"127.0.0.1:{port}"})
                (found,) = check_ports(made)
            finally:
                redis.terminate()
        assert found.check == "port-taken"
        assert f"taken by redis-server (pid {redis.pid})" in found.what

    def test_a_server_that_runs(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as ours:
            listen = f"127.0.0.1:{ours.getsockname()[1]}"
            assert kinds(check_ports(config(tmp_path, agi={"listen": listen}))) == []


class TestRedis:
    @staticmethod
    def found(url: str, tmp_path: Path) -> list[Finding]:
        return asyncio.run(check_redis(config(tmp_path, url)))

    def test_a_good_one_is_left_as_it_was(
        self, redis: RedisServer, client: Redis, tmp_path: Path
    ) -> None:
        assert kinds(self.found(redis.url, tmp_path)) == []
        assert client.keys() == []

    @pytest.mark.case("C1")
    @pytest.mark.parametrize(("memory", "level"), [("100mb", Level.DANGER), ("0", Level.WARNING)])
    def test_one_that_throws_records_away(
        self, redis: RedisServer, client: Redis, tmp_path: Path, memory: str, level: Level
    ) -> None:
        client.config_set("maxmemory", memory)
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            (found,) = [
                one for one in self.found(redis.url, tmp_path) if one.level is not Level.NOTE
            ]
        finally:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "0")
        assert (found.check, found.level) == ("redis-evicts", level)
        assert "noeviction" in found.cure

    def test_a_list_whose_name_is_anothers(
        self, redis: RedisServer, client: Redis, tmp_path: Path
    ) -> None:
        client.set("enigma:notifications:cdr", "mine")
        found = {one.check: one for one in self.found(redis.url, tmp_path)}["redis-list-taken"]
        assert found.level is Level.DANGER
        assert "enigma:notifications:cdr is a string, no list" in found.what

    @pytest.mark.case("C26")
    def test_any_list_and_a_user_who_may_not_ask_for_types(
        self, redis: RedisServer, client: Redis, tmp_path: Path
    ) -> None:
        client.hset("enigma:notifications:state", "of", "another")
        rules = ("on", ">hush", "~*", "&*", "+@all", "-type")
        cast(Any, client).execute_command("ACL", "SETUSER", "untyped", "reset", *rules)
        url = redis.url.replace("redis://", "redis://untyped:hush@")
        found = [one for one in self.found(url, tmp_path) if one.check == "redis-list-taken"]
        client.acl_deluser("untyped")
        (one,) = found
        assert one.level is Level.DANGER
        assert "enigma:notifications:state is of another type, no list" in one.what

    @pytest.mark.parametrize(("word", "cure"), stores._CURES.items())
    def test_what_redis_says_has_its_own_cure(self, word: str, cure: str) -> None:
        assert stores.cure_of(f"{word} so it is") == cure

    @pytest.mark.case("O19")
    @pytest.mark.parametrize(
        ("url", "cure"),
        [
            ("redis://nobody:hush@{}/0", "user and password in the URL"),
            ("redis://{}/99", "CONFIG GET databases"),
            ("redis://no-such-host.invalid/0", "the host in the URL"),
        ],
    )
    def test_the_cure_is_of_what_is_wrong(
        self, redis: RedisServer, tmp_path: Path, url: str, cure: str
    ) -> None:
        place = redis.url.removeprefix("redis://").partition("/")[0]
        found = {one.check: one for one in self.found(url.format(place), tmp_path)}
        assert cure in found["redis-refuses"].cure

    @pytest.mark.case("O19")
    def test_a_redis_without_memory(
        self, redis: RedisServer, client: Redis, tmp_path: Path
    ) -> None:
        client.config_set("maxmemory", "1")
        try:
            found = {one.check: one for one in self.found(redis.url, tmp_path)}
        finally:
            client.config_set("maxmemory", "0")
        assert "raise maxmemory" in found["redis-refuses"].cure

    @pytest.mark.case("O70")
    @pytest.mark.parametrize(
        ("lacking", "checks"),
        [
            ("PUBLISH", {"redis-refuses", "redis-rights"}),
            ("LLEN", {"redis-rights", "redis-forgets"}),
            ("EVALSHA", {"redis-rights", "redis-forgets"}),
        ],
    )
    def test_a_command_that_was_renamed(
        self, tmp_path: Path, lacking: str, checks: set[str]
    ) -> None:
        store = LocalRedis("--rename-command", lacking, "")
        try:
            store.start()
            found = {one.check: one for one in self.found(store.url, tmp_path)}
        finally:
            store.close()
        assert set(found) == checks
        assert f"it has no {lacking} (rename-command" in found["redis-rights"].what
        for check in checks - {"redis-forgets"}:
            assert "no rename-command in redis.conf" in found[check].cure

    def test_a_redis_before_6(self) -> None:
        cure = stores.cure_of("unknown command `HELLO`, with args beginning with: `3`, ")
        assert "Redis 6.0 or later" in cure

    @pytest.mark.case("C16")
    @pytest.mark.parametrize(
        "rights",
        [
            {"keys": ["*"], "channels": ["*"], "commands": ["+@all", "-eval"]},
            {"keys": ["enigma:notifications:*"], "channels": ["*"], "commands": ["+@all"]},
            {"keys": ["*"], "commands": ["+@all"], "reset_channels": True},
        ],
    )
    def test_a_user_who_may_not_push(
        self, redis: RedisServer, client: Redis, tmp_path: Path, rights: dict[str, Any]
    ) -> None:
        client.acl_setuser("crm", enabled=True, passwords=["+hush"], reset=True, **rights)
        try:
            url = redis.url.replace("redis://", "redis://crm:hush@")
            (found,) = self.found(url, tmp_path)
        finally:
            client.acl_deluser("crm")
        assert found.check == "redis-refuses"
        assert "acme" in found.what
        assert "enigma:notifications:cdr" in found.what
        assert "hush" not in found.line()
        assert "ACL" in found.cure

    @pytest.mark.case("C16")
    def test_a_user_who_may_not_write_the_streams(
        self, redis: RedisServer, client: Redis, tmp_path: Path
    ) -> None:
        keys = ["enigma:notifications:*", "{enigma:notifications}:*", "{*}:pushed:*"]
        rights: dict[str, Any] = {"keys": keys, "channels": ["*"], "categories": ["+@all"]}
        client.acl_setuser("crm", enabled=True, passwords=["+hush"], reset=True, **rights)
        manager = {
            "ari_url": "http://127.0.0.1:8088/ari",
            "ari_username": "u",
            "ari_password": "ari-secret",
            "ami": "127.0.0.1:5038",
            "ami_username": "u",
            "ami_password": "ami-secret",
        }
        live = config(
            tmp_path, redis.url.replace("redis://", "redis://crm:hush@"), asterisk=manager
        )
        try:
            found = asyncio.run(check_redis(live))
        finally:
            client.acl_deluser("crm")
        (rights_found,) = [one for one in found if one.level is not Level.NOTE]
        assert rights_found.check == "redis-rights"
        assert "XADD {enigma:notifications:cdr}:history" in rights_found.what
        assert "docs/redis.md" in rights_found.cure

    @pytest.mark.case("C16")
    def test_the_rights_in_the_docs_are_enough(
        self, redis: RedisServer, client: Redis, tmp_path: Path
    ) -> None:
        docs = (Path(__file__).parents[2] / "docs/redis.md").read_text("utf-8")
        given = docs.partition("ACL SETUSER click2dial on >PASSWORD ")[2].partition("```")[0]
        cast(Any, client).execute_command(
            "ACL", "SETUSER", "click2dial", "reset", "on", ">hush", *given.split()
        )
        try:
            url = redis.url.replace("redis://", "redis://click2dial:hush@")
            assert {one.check for one in self.found(url, tmp_path)} == {"redis-forgets"}
        finally:
            client.acl_deluser("click2dial")

    @pytest.mark.case("C16")
    def test_a_replica(self, redis: RedisServer, client: Redis, tmp_path: Path) -> None:
        client.replicaof("127.0.0.1", 1)
        try:
            (found,) = self.found(redis.url, tmp_path)
        finally:
            client.replicaof("NO", "ONE")
        assert found.check == "redis-refuses"
        assert "primary" in found.cure

    def test_one_that_is_away(self, tmp_path: Path) -> None:
        (found,) = self.found(f"redis://:hush@127.0.0.1:{ports.free_port()}/0", tmp_path)
        assert "Connection refused" in found.what or "Connect call failed" in found.what
        assert "hush" not in found.line()
