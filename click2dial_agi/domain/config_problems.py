"""What a check over several keys of the configuration raises."""

__all__ = ["WrongKey"]


class WrongKey(ValueError):
    """One key of a section is wrong, which only a look at others of its keys told.

    ``key`` is its path within the section, such as ``caller_ids.owned[0]``.
    """

    def __init__(self, key: str, expected: str) -> None:
        super().__init__(f"{key}: {expected}")
        self.key = key
        self.expected = expected
