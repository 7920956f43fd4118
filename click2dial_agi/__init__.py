"""Click2Dial for Asterisk: a FastAGI dialplan server and call records on Redis."""

__all__ = ["__version__"]

__version__ = "0.7.1"
