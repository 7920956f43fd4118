"""Pausing a recording: what is silent in it, and what its record says."""

from __future__ import annotations

import asyncio
import io
import time
import wave
from typing import Any

import pytest

from sandbox.office import Office
from sandbox.waiting import patience
from tests.e2e.control.desk import RECORDED, ask, play, ref_of, steer
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import records

TENTH = 800  # samples
NEAR = 0.35  # seconds: a packet every 50 ms, a manager's word, MixMonitor's buffers


@pytest.fixture(autouse=True)
def in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording is as long as what was received: 20 ms in each packet."""
    monkeypatch.setattr("sandbox.media.INTERVAL", 0.02)


async def fetched(scene: Scene, ref: str) -> bytes:
    """Return a recording as soon as Asterisk has closed it."""
    url = f"http://{scene.office.http[RECORDED]}/click2dial/recordings/{ref}"
    async with asyncio.timeout(patience(5)):
        while (answer := await scene.office.api.get(url)).status_code == 409:
            await asyncio.sleep(0.1)
    assert answer.status_code == 200, answer.text
    return answer.content


def loud(recording: bytes) -> list[bool]:
    """Say of each tenth of a second whether anything is to be heard."""
    with wave.open(io.BytesIO(recording)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        frames = file.readframes(file.getnframes())
    step = 2 * TENTH
    return [any(frames[at : at + step]) for at in range(0, len(frames) - step, step)]


def silences(recording: bytes) -> list[tuple[float, float]]:
    """Return what is silent for half a second or more, in seconds, the very ends left out."""
    found, began = [], None
    for at, is_loud in enumerate([*loud(recording), True]):
        if not is_loud and began is None:
            began = at
        elif is_loud and began is not None:
            if at - began >= 5:
                found.append((began / 10, at / 10))
            began = None
    return found


async def record_of(scene: Scene) -> dict[str, Any]:
    (record,) = await records(scene)
    return record


@pytest.mark.parametrize("who", ["agent", "client"])
def test_a_pause_is_silent_and_in_the_record(office: Office, who: str) -> None:
    """Whoever hangs up, and so whichever channel makes the record."""

    async def with_a_pause(scene: Scene) -> None:
        await scene.begin()
        up, ref = time.monotonic(), await ref_of(scene)
        await asyncio.sleep(1.2)
        pausing = time.monotonic()
        assert (await steer(scene, ref, "recording/pause"))["recording_paused"] is True
        paused = time.monotonic()
        assert (await steer(scene, ref, "recording/pause"))["recording_paused"] is True
        await asyncio.sleep(1.5)
        await scene.hear(scene.agent)  # they go on talking
        resuming = time.monotonic()
        assert (await steer(scene, ref, "recording/resume"))["recording_paused"] is False
        resumed = time.monotonic()
        assert (await steer(scene, ref, "recording/resume"))["recording_paused"] is False
        await asyncio.sleep(1.2)
        talked = time.monotonic() - up
        await (scene.agent if who == "agent" else scene.client).hang_up()
        record = await record_of(scene)
        assert (record["call_ref"], record["end_reason"]) == (
            ref,
            "agent_hungup" if who == "agent" else "callee_hungup",
        )
        ((begin, end),) = record["recording_pauses"]
        recording = await fetched(scene, ref)
        assert resuming - paused - 0.1 < end - begin < resumed - pausing + 0.1
        ((silent_from, silent_to),) = silences(recording)
        # A machine that stands still for a moment loses packets, and what follows comes earlier.
        lost = talked - len(loud(recording)) / 10
        assert -1 < lost < patience(0.5)
        assert silent_from == pytest.approx(begin, abs=NEAR + max(lost, 0))
        assert silent_to == pytest.approx(end, abs=NEAR + max(lost, 0))

    play(office, with_a_pause, origins=tuple(Origin), integrator=RECORDED, strictly=False)


@pytest.mark.case("L7")
def test_it_goes_on_when_another_agent_has_the_client(office: Office) -> None:
    """By a phone's blind transfer and attended one; and a pause may last to the end."""

    async def handed_on(scene: Scene, *, blind: bool) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await asyncio.sleep(1.0)
        await steer(scene, ref, "recording/pause")
        second = scene.team.second
        if blind:
            await scene.agent.send_to(second.name)
            other = await second.next_call()
            await other.up()
        else:
            consultation = await scene.consult(second.name)
            other = await second.next_call()
            await consultation.up()
            await scene.put_together(consultation, second.name)
        await scene.hear(other)
        async with asyncio.timeout(patience(6)):
            while (await steer(scene, ref, "mute"))["recording_paused"]:
                await asyncio.sleep(0.1)
        await steer(scene, ref, "unmute")
        await asyncio.sleep(1.0)
        await steer(scene, ref, "recording/pause")
        await asyncio.sleep(1.0)
        await scene.client.hang_up()
        told = await records(scene, 1 if blind else 2)
        record = next(one for one in told if one["call_ref"] == ref)
        assert record["extension"] == second.name
        first, last = record["recording_pauses"]
        assert first[0] <= first[1] <= last[0] <= last[1]
        recording = await fetched(scene, ref)
        heard = loud(recording)
        assert any(heard), "nothing was recorded"
        assert not any(heard[-7:]), heard
        # Its place in the file, not in what the second agent has said.
        assert silences(recording)[-1][0] == pytest.approx(last[0], abs=2 * NEAR)

    async def blind(scene: Scene) -> None:
        await handed_on(scene, blind=True)

    async def attended(scene: Scene) -> None:
        await handed_on(scene, blind=False)

    play(office, blind, attended, integrator=RECORDED, strictly=False)


def test_what_is_not_recorded_cannot_be_paused(office: Office) -> None:
    async def plain(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        for action in ("recording/pause", "recording/resume"):
            assert (await ask(scene, ref, action)).status_code == 409
        await scene.end(scene.agent)

    play(office, plain)
