"""What the configuration says of consoles."""

from __future__ import annotations

from typing import Any

import pytest

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.exceptions import ConfigError

AMI = {"ami": "127.0.0.1:5038", "ami_username": "click2dial", "ami_password": "s3cret"}


def config(ami: dict[str, Any], **integrator: Any) -> Config:
    acme = {"name": "acme", "extensions": ["1000-1999"], "console": True, **integrator}
    asterisk = {"ari_password": "s3cret", **ami}
    return parse_config({"asterisk": asterisk, "integrators": [acme]})


def test_a_console_must_have_something_to_show() -> None:
    with pytest.raises(ConfigError, match=r"asterisk\.ami: required for integrators\[0\]\.console"):
        config({}, http="127.0.0.1:8300")
    with pytest.raises(ConfigError, match=r"integrators\[0\]\.http: required for the console"):
        config(AMI)
    assert config(AMI, http="127.0.0.1:8300").integrators[0].console
