"""Values that can tell by themselves that they were damaged or strayed.

Knows: the form `key:process:counter:checksum`.  Does not know: histories.
Invariant: `judged(key, drawn(key, ...))` is INTACT, and no single changed character keeps it so.
"""

import zlib

INTACT, DAMAGED, STRAY, PLAIN = "intact", "damaged", "stray", "plain"


def drawn(key: str, process: str, counter: int) -> str:
    """A value for a workload: unique when (process, counter) is, and bound to its key.  Process has no colon."""
    body = f"{key}:{process}:{counter}"
    return f"{body}:{zlib.crc32(body.encode()):08x}"


def judged(key: str, value: object) -> str:
    """INTACT, DAMAGED (checksum wrong), STRAY (intact, but of another key), or PLAIN (not of this form)."""
    if not isinstance(value, str) or value.count(":") < 3:
        return PLAIN
    body, _, checksum = value.rpartition(":")
    if f"{zlib.crc32(body.encode('utf-8', 'surrogatepass')):08x}" != checksum:
        return DAMAGED
    return INTACT if body.rsplit(":", 2)[0] == key else STRAY
