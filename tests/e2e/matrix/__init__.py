"""Every way to hand a client over, from every way in, to every kind of target."""
