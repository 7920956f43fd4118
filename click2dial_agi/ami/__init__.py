"""Asterisk's manager interface (AMI) as bytes and messages, without sockets."""

from click2dial_agi.ami.actions import login_key, serialize_action
from click2dial_agi.ami.messages import AMIParser, Message

__all__ = ["AMIParser", "Message", "login_key", "serialize_action"]
