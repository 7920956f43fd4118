"""Numbers as people write them, made into digits: the same for every country.

What only helps the eye goes: blanks and dashes of all kinds, dots, slashes, parentheses, and the
marks that copying from a web page or a telephone adds.  What is left is ASCII digits with at most
a ``+`` before them.  A ``tel:`` URI (RFC 3966) is taken apart, and a ``+`` that was escaped for a
URL is read as one.
"""

import re
from dataclasses import dataclass
from unicodedata import category

from click2dial_agi.domain.numbering.number import Misread

__all__ = ["MAX_DIGITS", "MAX_LENGTH", "Written", "read_digits", "read_written"]

# E.164 has 15 digits; the longest way to say "abroad" has 5 (0011 of AU, 8 10 of RU and carriers').
MAX_DIGITS = 20
# Bytes.  Of what a phone dials Asterisk keeps 79 (AST_MAX_EXTENSION): so many may have been cut,
# and what is left be another number.  A tel: URI with each parameter that is read has room.
MAX_LENGTH = 78

_PLAIN = re.compile(rf"(\+?)([0-9]{{1,{MAX_DIGITS}}})")
_ESCAPE = re.compile(r"%([0-7][0-9A-Fa-f])")
_PARAMETER = re.compile(r";([A-Za-z0-9-]+)(?:=([^;]*))?")
_EXTENSION = re.compile(r"[0-9().-]{1,20}")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.?")
_CONTEXT = re.compile(r"\+[0-9().-]{1,20}")

# An extension behind a number: "x12", "ext. 12", "#12".
_SPOKEN_EXTENSION = re.compile(r"(?ai:[ \u00a0]*(?:x|#|ext|extn|extension)[ .:]*[0-9]{1,7} *)\Z")
_BEFORE_EXTENSION = 7

# The exclamation mark is what the dialplan makes of a parenthesis, which it cannot hand on.
_PUNCTUATION = frozenset("-./()!\u2212")
# Zs: all blanks but those that end a line.  Pd: all dashes.
_SEPARATORS = ("Zs", "Pd")
# Marks without width: soft hyphen, zero-width blanks, directions, word joiner, byte order mark.
_INVISIBLE = frozenset(
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2067\u2068\u2069\ufeff"
)

_TOO_LONG = Misread(f"too long: at most {MAX_DIGITS} digits")
_NO_DIGITS = Misread("no digits")
_CHARACTERS = Misread("only digits 0-9, + before them, blanks and - . / ( ) are understood")
_PLUS = Misread("one + only, before the first digit")
_TWO_NUMBERS = Misread("one number only: one or two digits after a slash may be another number's")
_TEL = Misread("a tel: URI with parameters that are understood: ext, phone-context")
_CONTEXT_TWICE = Misread("a tel: URI with + or with phone-context, not both")


@dataclass(frozen=True, slots=True)
class Written:
    """The digits of a number; ``plus`` tells whether they begin with the country code."""

    digits: str
    plus: bool

    @property
    def text(self) -> str:
        """The digits, with the plus if there is one."""
        return f"+{self.digits}" if self.plus else self.digits


def read_digits(text: str) -> Written | Misread:
    """Read a number that is digits alone, or digits after a plus."""
    if len(text) > MAX_DIGITS + 1:
        return _TOO_LONG
    match = _PLAIN.fullmatch(text)
    return Written(match[2], match[1] == "+") if match else Misread()


def read_written(text: str) -> Written | Misread:
    """Read a number as people write it.

    A :class:`Misread` says what is not understood, in words only.
    """
    if len(text.encode(errors="replace")) > MAX_LENGTH:
        return _TOO_LONG
    text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    if text[:4].lower() == "tel:":
        return _read_uri(text[4:])
    return _read_separated(_without_extension(text))


def _without_extension(text: str) -> str:
    match = _SPOKEN_EXTENSION.search(text)
    number = text[: match.start()] if match else text
    return number if sum(map(str.isdigit, number)) >= _BEFORE_EXTENSION else text


def _read_uri(text: str) -> Written | Misread:
    number, _, _ = text.partition(";")
    context, at = "", len(number)
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            return _TEL
        name, value, at = match[1].lower(), match[2] or "", match.end()
        if name == "phone-context":
            if context or not (_CONTEXT.fullmatch(value) or _DOMAIN.fullmatch(value)):
                return _TEL
            context = value
        elif name.startswith("m-") or (name == "ext" and not _EXTENSION.fullmatch(value)):
            return _TEL  # m-: the writer says that it must be understood
    written = _read_separated(number)
    if isinstance(written, Misread) or not context.startswith("+"):
        return written
    if written.plus:
        return _CONTEXT_TWICE
    return _bounded("".join(filter(str.isdigit, context)) + written.digits, plus=True)


def _read_separated(text: str) -> Written | Misread:
    kept = []
    for char in text:
        if (char.isascii() and char.isdigit()) or char == "+":
            kept.append(char)
        elif not (char in _PUNCTUATION or char in _INVISIBLE or category(char) in _SEPARATORS):
            return _CHARACTERS
    digits = "".join(kept)
    plus = digits.startswith("+")
    digits = digits.removeprefix("+")
    if "+" in digits:
        return _PLUS
    if _names_a_second(text):
        return _TWO_NUMBERS
    return _bounded(digits, plus)


def _names_a_second(text: str) -> bool:
    """Tell whether a text ends like ``021 555 1234/5``: the end of another number.

    ``030/123456`` has its area code before the slash.
    """
    before, slash, after = text.rpartition("/")
    return bool(slash) and sum(map(str.isdigit, after)) in (1, 2) and any(map(str.isdigit, before))


def _bounded(digits: str, plus: bool) -> Written | Misread:
    if not digits:
        return _NO_DIGITS
    return Written(digits, plus) if len(digits) <= MAX_DIGITS else _TOO_LONG
