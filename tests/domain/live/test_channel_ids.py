"""The ids of the channels that the server begins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from click2dial_agi.domain.live.channels import asked_of, consult_of, hold_of, listen_of

pytestmark = pytest.mark.case("T39")


@pytest.mark.parametrize("id_of", [hold_of, consult_of, asked_of])
def test_none_begins_with_that_for_another_channel(id_of: Callable[[str], str]) -> None:
    assert not id_of("1795815290.16").startswith(id_of("1795815290.1"))


def test_none_begins_with_another_supervisors() -> None:
    assert not listen_of("ref", "1000").startswith(listen_of("ref", "100"))
