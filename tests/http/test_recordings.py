"""GET /click2dial/recordings/{ref}: parts of a recording, however they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.redis import RedisServer
from tests.domain.examples import CALL_REF
from tests.http.fake_ari import FakeARI
from tests.http.rig import errors, serve
from tests.io.running import run
from tests.io.test_recordings import wav, write

SIZE = len(wav(100))


@pytest.mark.case("C30")
@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("bytes=0-43", 206, f"bytes 0-43/{SIZE}"),
        (f"bytes={SIZE}-", 416, f"bytes */{SIZE}"),
        ("bytes=5-4", 200, None),
        ("bytes=abc", 200, None),
        ("bytes", 200, None),
        ("seconds=1-2", 200, None),
        ("", 200, None),
    ],
)
def test_a_part(
    redis: RedisServer, tmp_path: Path, asked: str, status: int, told: str | None
) -> None:
    async def test() -> None:
        (tmp_path / "recordings").mkdir()
        write(tmp_path / "recordings", f"{CALL_REF}.wav", wav(100))
        async with FakeARI() as ari, serve(redis, ari, spool_dir=str(tmp_path)) as api:
            address = f"/click2dial/recordings/{CALL_REF}"
            response = await api.client.get(address, headers={"Range": asked})
            assert response.status_code == status
            assert response.headers.get("content-range") == told
            if status == 416:
                assert errors(response) == ["range: a part that the recording has"]
            else:
                assert response.content == wav(100)[: 44 if status == 206 else None]
            head = await api.client.head(address, headers={"Range": asked})
            assert (head.status_code, head.content) == (status, b"")

    run(test())
