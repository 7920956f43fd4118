"""The two families of SIP headers (docs/contract.md)."""

from __future__ import annotations

import pytest

from click2dial_agi.domain.headers import CallHeaders, cut_header, read_headers

T, P = "X-Teleforge-Error", "X-Platforma-Error"

#: What the dialplan tells where Asterisk lists no headers.
UNREAD = {
    "unread": "1",
    **dict.fromkeys(("teleforge_outbound_id", "teleforge_contact_ref"), ""),
    **dict.fromkeys(("platforma_outbound_id", "platforma_contact_ref", "platforma_early_ref"), ""),
}


@pytest.mark.case("C28")
@pytest.mark.parametrize(
    ("facts", "outbound_id", "contact_ref", "errors"),
    [
        ({}, "", "", (T,)),
        ({"teleforge_outbound_id": "a"}, "a", "", (T,)),
        ({"teleforge_contact_ref": "c"}, "", "c", (T,)),
        ({"platforma_outbound_id": "b"}, "b", "", (P,)),
        ({"platforma_contact_ref": "d"}, "", "d", (P,)),
        ({"platforma_early_ref": "e"}, "", "e", (P,)),
        ({"platforma_contact_ref": "d", "platforma_early_ref": "e"}, "", "d", (P,)),
        ({"teleforge_outbound_id": "a", "platforma_outbound_id": "b"}, "a", "", (T, P)),
        ({"teleforge_outbound_id": "a", "platforma_contact_ref": "d"}, "a", "d", (T, P)),
        ({"teleforge_contact_ref": "c", "platforma_early_ref": "e"}, "", "c", (T, P)),
        # An empty header is none, but of its family.
        ({"teleforge_outbound_id": "", "platforma_outbound_id": "b"}, "b", "", (T, P)),
        ({"teleforge_contact_ref": "", "platforma_contact_ref": ""}, "", "", (T, P)),
        ({"platforma_outbound_id": "", "platforma_contact_ref": ""}, "", "", (P,)),
        ({"platforma_early_ref": ""}, "", "", (P,)),
        # Nobody knows which headers there are: those that could be read tell, or it may be either.
        ({**UNREAD, "platforma_outbound_id": "b"}, "b", "", (P,)),
        ({**UNREAD, "teleforge_contact_ref": "c"}, "", "c", (T,)),
        (UNREAD, "", "", (T, P)),
    ],
)
def test_teleforge_wins_and_errors_go_to_the_families_used(
    facts: dict[str, str], outbound_id: str, contact_ref: str, errors: tuple[str, ...]
) -> None:
    assert read_headers(facts) == CallHeaders(outbound_id, contact_ref, errors)


def test_other_facts_are_no_headers() -> None:
    assert read_headers({"outbound_id": "a", "contact_ref": "b"}) == CallHeaders("", "", (T,))


@pytest.mark.case("A14")
@pytest.mark.parametrize(
    ("facts", "cut"),
    [
        ({}, None),
        ({"teleforge_contact_ref": "x" * 255}, None),
        (
            {"teleforge_contact_ref": "x" * 256},
            ("teleforge_contact_ref", "X-Teleforge-Contact-Ref"),
        ),
        # The one that counts is not cut.
        ({"teleforge_contact_ref": "x", "platforma_contact_ref": "x" * 256}, None),
        (
            {"teleforge_contact_ref": "", "platforma_contact_ref": "x" * 256},
            ("platforma_contact_ref", "X-Platforma-Contact-Ref"),
        ),
        ({"platforma_early_ref": "x" * 256}, ("platforma_early_ref", "X-Platforma-Call-Ref")),
        ({"teleforge_outbound_id": "x" * 256}, None),
    ],
)
def test_a_reference_that_the_dialplan_may_have_cut(
    facts: dict[str, str], cut: tuple[str, str] | None
) -> None:
    assert cut_header(facts) == cut
