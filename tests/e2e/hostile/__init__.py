"""Called sides and transferring phones that answer with anything: nothing undecided is dialled."""
