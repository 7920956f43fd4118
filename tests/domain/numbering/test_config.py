"""The key ``numbering``."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from click2dial_agi.domain.numbering import CountryPlan, NumberFormat, Teleforge
from click2dial_agi.domain.numbering.config import Numbering


def numbering(text: str) -> Numbering:
    document: dict[str, Any] = yaml.safe_load(text)
    return Numbering.model_validate(document)


def test_absent_it_is_teleforge() -> None:
    assert numbering("{}").plan() == Teleforge()
    assert numbering("{accept: formatted}").plan([5]).is_extension("20000")
    assert numbering("{accept: formatted}").plan().formatted
    assert not numbering("{accept: digits}").plan().formatted


def test_a_country_takes_what_people_write() -> None:
    plan = numbering("{country: GB, dial_format: plus, record_format: national}").plan()
    assert isinstance(plan, CountryPlan)
    assert (plan.name, plan.country, plan.formatted) == ("GB", "GB", True)
    assert plan.dial_format is NumberFormat.PLUS
    assert plan.caller_id_format is NumberFormat.E164
    assert plan.record_format is NumberFormat.NATIONAL
    assert not numbering("{country: GB, accept: digits}").plan().formatted


def test_what_yaml_makes_of_it_is_understood() -> None:
    plan = numbering("{country: NO, dial_format: 00}").plan()
    assert isinstance(plan, CountryPlan)
    assert (plan.country, plan.dial_format) == ("NO", NumberFormat.ZEROS)
    assert numbering("{country: gb, dial_format: '00'}").plan().country == "GB"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{country: UK}", "ISO 3166"),
        ("{country: 27}", "ISO 3166"),
        ("{country: true}", "ISO 3166"),
        ("{country: null}", "ISO 3166"),
        ("{country: GB, dial_format: E164}", "one of e164, plus, national, 00"),
        ("{country: GB, dial_format: false}", "one of e164, plus, national, 00"),
        ("{country: GB, dial_format: 27}", "one of e164, plus, national, 00"),
        ("{dial_format: plus}", "dial_format only with country"),
        ("{accept: all}", "'digits' or 'formatted'"),
        ("{region: GB}", "Extra inputs"),
    ],
)
def test_a_wrong_key_says_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        numbering(text)
