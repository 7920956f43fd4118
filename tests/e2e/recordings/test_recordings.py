"""Calls are recorded, and the recordings are for their integrator alone."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.calls import AwaitBye, Cancel, HangUp, call, place_call
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.sipp import LOCAL
from tests.e2e.calls.desk import OUTBOUND_ID
from tests.e2e.recordings.conftest import DID, OTHER_KEY, TONE
from tests.e2e.rest.office import KEY, Office

RECORDINGS = "/click2dial/recordings"


def sound(wav: bytes, tmp_path: Path) -> tuple[float, float]:
    """Return the length in seconds and the loudness (0 to 1) that sox finds."""
    file = tmp_path / "fetched.wav"
    file.write_bytes(wav)
    stat = subprocess.run(
        ["sox", str(file), "-n", "stat"], check=True, capture_output=True, text=True
    ).stderr
    length = re.search(r"Length \(seconds\): +([0-9.]+)", stat)
    loudness = re.search(r"RMS +amplitude: +([0-9.]+)", stat)
    assert length is not None
    assert loudness is not None
    return float(length[1]), float(loudness[1])


def fetch(
    office: Office, ref: str, key: str = KEY, integrator: int = 0, **headers: str
) -> httpx.Response:
    address = office.server.config["integrators"][integrator]["http"]
    headers["Authorization"] = f"Bearer {key}"
    return httpx.get(
        f"http://{address}{RECORDINGS}/{ref}",
        headers=headers,
        trust_env=False,
        timeout=10,
        verify=False,
    )


def finished(office: Office, ref: str) -> httpx.Response:
    """Return a recording as soon as Asterisk has closed it, some ms after the record."""
    until(lambda: fetch(office, ref).status_code != 409, 5, "the recording to be finished")
    response = fetch(office, ref)
    assert response.status_code == 200, response.text
    return response


@contextlib.contextmanager
def recorded(office: Office) -> Iterator[str]:
    """Make one recording and yield its reference."""
    call(
        office.pbx,
        callee=office.trunk.number(),
        headers=[OUTBOUND_ID],
        then=HangUp(1.0),
        speaks=True,
    )
    record = office.crm.pop()
    finished(office, record["recording_url"])
    yield record["recording_url"]


def test_an_agents_call(office: Office, tmp_path: Path) -> None:
    number = office.trunk.number()
    with place_call(
        office.pbx, callee=number, headers=[OUTBOUND_ID], then=AwaitBye(), speaks=True
    ) as placed:
        answered = placed.wait_status(200).at
        [call_ref] = until(lambda: refs(office), 5, "the recording to begin")
        until(lambda: fetch(office, call_ref).status_code == 409, 5, "409 while the call is up")
        assert fetch(office, call_ref).json()["errors"][0]["field"] == "ref"
        until(lambda: os.path.getmtime(recording(office, call_ref)) > answered + 1, 5, "a second")
        placed.hang_up()
        result = placed.result()
    record = office.crm.pop()
    assert record["recording_url"] == record["call_ref"] == call_ref
    response = finished(office, call_ref)
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["content-disposition"] == f'attachment; filename="{call_ref}.wav"'
    assert result.ended_at is not None
    length, loudness = sound(response.content, tmp_path)
    assert length == pytest.approx(result.ended_at - answered, abs=0.5)
    assert loudness > 0.05  # the agent's side


@contextlib.contextmanager
def configured(office: Office, **keys: object) -> Iterator[None]:
    """Let some keys of the integrator be others for a while."""
    config = office.server.config
    before = dict(config["integrators"][0])

    def use(integrator: dict[str, object]) -> None:
        reloads = office.server.log().count("configuration reloaded")
        config["integrators"][0] = integrator
        office.server.write(config)
        office.server.reload()
        until(
            lambda: office.server.log().count("configuration reloaded") > reloads, 5, "the reload"
        )

    use({**before, **keys})
    try:
        yield
    finally:
        use(before)


def test_the_other_side_is_in_it_also_through_a_local_channel(
    office: Office, tmp_path: Path
) -> None:
    """As on FreePBX; the agent says nothing."""
    with configured(office, trunk_dial="Local/{number}@world"):
        call(office.pbx, callee=TONE, headers=[OUTBOUND_ID], then=HangUp(1.5))
        record = office.crm.pop()
    length, loudness = sound(finished(office, record["recording_url"]).content, tmp_path)
    assert length == pytest.approx(1.5, abs=0.5)
    assert loudness > 0.05


def test_each_side_on_a_channel_of_its_own(office: Office, tmp_path: Path) -> None:
    """The agent buzzes, the other side says nothing."""
    with configured(office, record_stereo=True):
        call(
            office.pbx,
            callee=office.trunk.number(),
            headers=[OUTBOUND_ID],
            then=HangUp(1.5),
            speaks=True,
        )
        record = office.crm.pop()
    whole = finished(office, record["recording_url"]).content
    length, _ = sound(whole, tmp_path)
    assert length == pytest.approx(1.5, abs=0.5)
    stereo = tmp_path / "stereo.wav"
    stereo.write_bytes(whole)
    loud = []
    for channel in ("1", "2"):
        one = tmp_path / f"{channel}.wav"
        subprocess.run(["sox", str(stereo), str(one), "remix", channel], check=True)
        loud.append(sound(one.read_bytes(), tmp_path)[1])
    assert sorted(value > 0.05 for value in loud) == [False, True], loud


def test_a_call_that_is_transferred(office: Office, tmp_path: Path) -> None:
    with (
        office.phone(extension="1102"),
        place_call(
            office.pbx,
            callee=office.trunk.number(),
            headers=[OUTBOUND_ID],
            then=AwaitBye(),
            speaks=True,
        ) as placed,
    ):
        placed.wait_status(200)
        [call_ref] = until(lambda: refs(office), 5, "the recording to begin")
        placed.transfer(f"sip:1102@{LOCAL}:{office.pbx.sip_port}")
        placed.result()
        assert fetch(office, call_ref).status_code == 409  # it goes on
        office.pbx.cli("channel request hangup all")
        record = office.crm.pop(10)
    assert (record["extension"], record["recording_url"]) == ("1102", call_ref)
    assert sound(finished(office, call_ref).content, tmp_path)[0] > 0


def test_a_created_call(office: Office) -> None:
    with office.phone():
        call_ref = office.create(office.trunk.number("hang-up"))
        assert office.crm.pop(10)["recording_url"] == call_ref
    # Nobody spoke, so there is nothing to fetch; that is not known at once.
    assert fetch(office, call_ref).status_code == 409


def test_an_inbound_call(office: Office, tmp_path: Path) -> None:
    with Phone(office.pbx, "1001"):
        call(office.pbx, agent="27820007777", callee=DID, then=HangUp(1.0), speaks=True)
    record = office.crm.pop()
    assert record["call_dir"] == "inbound"
    assert record["recording_url"] == record["call_ref"]
    length, loudness = sound(finished(office, record["recording_url"]).content, tmp_path)
    assert length == pytest.approx(1.0, abs=0.4)
    assert loudness > 0.05


def test_a_call_that_nobody_answers_has_no_recording(office: Office) -> None:
    call(office.pbx, callee=office.trunk.number("ring"), headers=[OUTBOUND_ID], then=Cancel(0.1))
    record = office.crm.pop()
    assert record["recording_url"] == ""
    assert fetch(office, record["call_ref"]).status_code == 404


def test_parts_of_a_recording(office: Office) -> None:
    with recorded(office) as ref:
        whole = fetch(office, ref).content
        part = fetch(office, ref, Range="bytes=0-43")
        assert (part.status_code, part.content) == (206, whole[:44])
        assert part.headers["content-range"] == f"bytes 0-43/{len(whole)}"
        tail = fetch(office, ref, Range="bytes=-100")
        assert (tail.status_code, tail.content) == (206, whole[-100:])
        beyond = fetch(office, ref, Range=f"bytes={len(whole)}-")
        assert beyond.status_code == 416


def test_what_is_not_there_or_not_yours(office: Office) -> None:
    with recorded(office) as ref:
        assert fetch(office, ref, OTHER_KEY).status_code == 401
        assert fetch(office, ref, OTHER_KEY, integrator=1).status_code == 404
        assert fetch(office, ref, KEY, integrator=1).status_code == 401
        assert fetch(office, ref, "x").status_code == 401
        unknown = "bde674e2-eeaf-4355-b32c-664a82256e11"
        for wrong in (
            *(unknown, f"{ref}.wav", f"../acme/{ref}", f"..%2facme%2f{ref}"),
            *(f"%2e%2e/acme/{ref}", f"{ref}%00", f"{ref}/", "..", "%2fetc%2fpasswd", "*"),
        ):
            assert fetch(office, wrong).status_code == 404, wrong
            assert fetch(office, wrong, OTHER_KEY, integrator=1).status_code == 404, wrong


def test_a_symbolic_link_is_no_recording(office: Office) -> None:
    ref = "bde674e2-eeaf-4355-b32c-664a82256e11"
    link = recording(office, ref)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("/etc/passwd")
    try:
        assert fetch(office, ref).status_code == 404
    finally:
        link.unlink()


def recording(office: Office, ref: str) -> Path:
    return Path(office.server.config["recordings_dir"]) / "acme" / f"{ref}.wav"


def refs(office: Office) -> list[str]:
    """Return the recordings that are not finished."""
    files = recording(office, "x").parent.glob("*.wav")
    return [file.stem for file in files if fetch(office, file.stem).status_code == 409]
