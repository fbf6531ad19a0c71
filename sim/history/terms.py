"""The terms under which a history is judged: what its writer promises about the workload.

Knows: the promises and their defaults.  Does not know: any rule.
A history may open with an entry `{"f": "config", "value": {...}}` that carries these names; a caller's terms win.
"""

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Terms:
    complete: bool = True
    """The history ends with a reading of every key up to its end: what was acked and not read is an error."""

    gapless: bool | tuple[str, ...] = False
    """Keys (or all) of topics without compaction and retention: where no transaction wrote, offsets have no gaps."""

    transactional: bool = False
    """Every operation ran in a transaction, not only those with `f: txn`."""

    uncommitted: bool = False
    """Polls read at `read_uncommitted` unless they say otherwise."""

    ww_deps: bool = False
    """Draw write-write edges too.  Kafka does not isolate writes, so all G1c become allowed: hunt G1c with this off."""

    examples_max: int = 8
    """Findings of one class that are kept with their story; the rest is counted."""


def stated(terms: Terms, value: Mapping[str, Any]) -> Terms:
    """The terms changed by a config entry's value.  Raises ValueError for a name or a value that is not one of ours."""
    changes: dict[str, Any] = {}
    for name, wanted in value.items():
        if name == "isolation" and wanted in {"read_committed", "read_uncommitted"}:
            changes["uncommitted"] = wanted == "read_uncommitted"
        elif name == "gapless" and isinstance(wanted, list | tuple):
            changes["gapless"] = tuple(str(key) for key in wanted)
        elif name in {"complete", "gapless", "transactional", "ww_deps"} and isinstance(wanted, bool):
            changes[name] = wanted
        else:
            raise ValueError(f"config {name!r} cannot be {wanted!r}")
    return attrs.evolve(terms, **changes)
