"""/asyncapi.json by the specification's own schema."""

from __future__ import annotations

import json

import pytest
from jsonschema_rs import Draft7Validator

from click2dial_agi.app.http.asyncapi import document
from tests.browser.examples import MODULES


@pytest.mark.usefixtures("built")
def test_it_is_asyncapi() -> None:
    schema = MODULES / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    Draft7Validator(json.loads(schema.read_text("utf-8"))).validate(document())
