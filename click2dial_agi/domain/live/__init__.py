"""What happens on a PBX, as it happens: agents and calls, from the events of its manager.

It is for eyes and wallboards.  Records come from the dialplan alone, and nothing here is told to
them.
"""
