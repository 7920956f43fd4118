"""The ids of a stream's entries, ``<milliseconds>-<number>``, and what lies next to them.

Redis before 6.2 knows no ranges without their ends, so whoever wants one names the id beside it.
"""

__all__ = ["id_after", "id_before", "place"]

_MAX = 2**64 - 1


def place(entry_id: str) -> tuple[int, int]:
    """Return an id's place among others."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def id_before(entry_id: str) -> str:
    """Return the last id before another, ``""`` if there is none that an entry may have."""
    milliseconds, number = place(entry_id)
    found = (milliseconds, number - 1) if number else (milliseconds - 1, _MAX)
    return f"{found[0]}-{found[1]}" if found > (0, 0) else ""


def id_after(entry_id: str) -> str:
    """Return the first id after another."""
    milliseconds, number = place(entry_id)
    return f"{milliseconds}-{number + 1}" if number < _MAX else f"{milliseconds + 1}-0"
