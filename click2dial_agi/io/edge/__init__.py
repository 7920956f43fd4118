"""The WebSocket edge: browsers on one side, Asterisk's ``/ws`` on the other."""

from click2dial_agi.io.edge.server import Edge

__all__ = ["Edge"]
