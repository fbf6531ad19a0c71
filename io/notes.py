"""Notes as log lines.

Knows: levels, time stamps, how to make any value harmless.  Does not know: what a note means.
Invariant: one note is one line of printable characters, whatever a client put into it; no text is ever a format.
"""

import time
from typing import Any, TextIO

LEVELS = ("debug", "info", "warning", "error")
VALUE_CHARS_MAX = 500


class Notes:
    """Writes notes of at least `level` to a stream, one line each.  A note without a level is of level info."""

    def __init__(self, stream: TextIO, level: str) -> None:
        self.stream = stream
        self.shown = frozenset(LEVELS[LEVELS.index(level) :])

    def tell(self, text: str, *, level: str = "info", **fields: Any) -> None:
        """Write one line; a stream that cannot be written to is not worth dying for."""
        if level not in self.shown:
            return
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        parts = [stamp, level.upper(), harmless(text)]
        parts += [f"{harmless(name)}={quoted(value)}" for name, value in fields.items()]
        try:
            self.stream.write(" ".join(parts) + "\n")
            self.stream.flush()
        except (OSError, ValueError):
            self.shown = frozenset()


def quoted(value: Any) -> str:
    """A value as one word: quoted when it has blanks, quotes or nothing in it."""
    if isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value[: VALUE_CHARS_MAX // 2]).hex()
    else:
        text = harmless(str(value))
    if not text or any(char in text for char in ' "='):
        text = '"' + text.replace('"', '\\"') + '"'
    return text


def harmless(text: str) -> str:
    """Without line ends, terminal escapes or anything else that does not print; cut where it is too long."""
    if len(text) > VALUE_CHARS_MAX:
        text = text[:VALUE_CHARS_MAX] + "..."
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
