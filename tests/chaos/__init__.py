"""Failures under load on the real PBX; C2D_CHAOS_CALLS says how many calls each test places."""
