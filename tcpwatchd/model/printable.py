"""Makes text from outside safe to store, to send and to print: valid UTF-8, printable, one line, bounded.

Names of processes, users and hosts, and answers of servers, are bytes that somebody else chose. They pass
through here where they enter.
"""

from __future__ import annotations

# What a character item of Zabbix stores.
MOST_CHARACTERS = 255
# A name in a list of several.
NAME_CHARACTERS = 64
# A message for a person.
MESSAGE_CHARACTERS = 2000
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BYTES_A_CHARACTER = 4


def printable(text: str | bytes, most: int = MOST_CHARACTERS) -> str:
    """`text` in at most `most` characters, an ellipsis at the end where it was longer.

    U+FFFD replaces what cannot be printed: bytes that are not UTF-8, lone surrogates, line breaks and other
    control characters, bidirectional controls.
    """
    if isinstance(text, bytes):
        text = text[: _BYTES_A_CHARACTER * (most + 1)].decode("utf-8", "replace")
    text = text[: most + 1]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else _REPLACEMENT for letter in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def one_line(text: str, most: int = MOST_CHARACTERS) -> str:
    """The same for a sentence: runs of white space, line breaks among them, become one space."""
    return printable(" ".join(text[: 4 * most].split()), most)
