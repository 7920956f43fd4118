"""What happens, as it happens: from a PBX's manager to Redis, and from there to who asks."""
