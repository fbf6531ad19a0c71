"""What was found, and whether it condemns the history.

Knows: the names of the classes and when each is allowed.  Does not know: how anything is found.
Invariant: a history is invalid exactly when a finding of a class that is not allowed was added.
"""

from typing import Any

import attrs

ALLOWED = {
    "int-send-skip": "other producers write between two sends",
    "G0": "Kafka does not isolate writes",
    "G0-process": "Kafka does not isolate writes",
    "G0-realtime": "Kafka does not isolate writes",
}
"""Class → why it never condemns a history."""

CLASSES = {
    "inconsistent-offsets": "one offset held two values",
    "duplicate": "one value held two offsets",
    "G1a": "a committed read saw a value whose send failed or was aborted",
    "precommitted-read": "a transaction read its own write before it committed",
    "unseen": "an acked value was never read, the final reading included",
    "vanished": "a value that had been read was missing from the final reading",
    "lost-write": "a committed value was never read, though later ones were",
    "int-poll-skip": "one operation read past a value",
    "int-nonmonotonic-poll": "one operation read backwards or twice",
    "int-send-skip": "two sends of one operation are not neighbours",
    "int-nonmonotonic-send": "sends of one operation landed out of order",
    "poll-skip": "a process read past a value between two operations",
    "nonmonotonic-poll": "a process read backwards or twice between two operations",
    "nonmonotonic-send": "sends of one process landed out of order",
    "G0": "a cycle of writes over writes",
    "G0-process": "a cycle of writes over writes and one process's order",
    "G0-realtime": "a cycle of writes over writes and real time",
    "G1c": "a cycle of operations that read each other's writes",
    "G1c-process": "such a cycle with one process's order",
    "G1c-realtime": "such a cycle with real time: a value was read before it was sent",
    "phantom": "a value was read that nobody sent to that key",
    "corrupt-value": "a value was read whose checksum is wrong",
    "corrupt-fields": "timestamp, headers or key bytes were read otherwise than sent",
    "zero-offset": "several acked sends were told offset 0",
    "offset-reuse": "several acked sends were told the same offset",
    "ack-offset-mismatch": "a value was acked at one offset and read at another",
    "offset-gap": "an offset is missing where none may be",
    "torn-txn": "part of a committed transaction was read, part of it never",
    "committed-offset-regressed": "a committed offset went back",
    "committed-offset-aborted": "an offset was committed that only failed or aborted commits wrote",
    "committed-offset-phantom": "an offset was committed that nobody committed",
    "zombie-commit": "a commit of an old generation was accepted after a newer one's",
    "group-exclusivity": "two members owned one key in one generation",
    "end-offset-below-ack": "the end offset was below an offset acked before",
    "end-offset-regressed": "the end offset went back within a leader epoch",
}
"""Every class of finding and what it says, in one line."""


@attrs.frozen(kw_only=True)
class Finding:
    error: str
    key: str | None
    text: str
    lines: tuple[int, ...]
    allowed: str = ""  # why it does not condemn the history; empty: it does
    detail: dict[str, Any]


@attrs.frozen(kw_only=True)
class Verdict:
    """valid; the count of each class; the first findings of each; and what is worth knowing but condemns nothing."""

    valid: bool
    errors: dict[str, int]
    allowed: dict[str, int]
    findings: tuple[Finding, ...]
    information: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return attrs.asdict(self)

    def text(self) -> str:
        """The report for people: the verdict, then each class with its examples."""
        known = self.information
        size = f"{known['entries']} entries, {known['sent']} values sent, {known['reads']} reads"
        lines = [f"{'VALID' if self.valid else 'INVALID'}: {size}"]
        for title, counts in (("error", self.errors), ("allowed", self.allowed)):
            for error in sorted(counts):
                lines.append(f"\n{title} {error} x {counts[error]}: {CLASSES[error]}")
                shown = [
                    one for one in self.findings if one.error == error and bool(one.allowed) is (counts is self.allowed)
                ]
                lines += [f"  {line}" for one in shown for line in one.text.split("\n")]
                if len(shown) < counts[error]:
                    lines.append(f"  ... and {counts[error] - len(shown)} more")
        return "\n".join(lines)


class Findings:
    """Collects findings; keeps the first few of each class and counts the rest."""

    def __init__(self, examples_max: int) -> None:
        self.examples_max = examples_max
        self.errors: dict[str, int] = {}
        self.allowed: dict[str, int] = {}
        self.kept: list[Finding] = []
        self.known: set[tuple[object, ...]] = set()

    def wants(self, error: str) -> bool:
        """Whether another finding of this class would be kept with its story."""
        return max(self.errors.get(error, 0), self.allowed.get(error, 0)) < self.examples_max

    def add(
        self,
        error: str,
        text: str,
        *,
        key: str | None = None,
        lines: tuple[int, ...] = (),
        allowed: str = "",
        **detail: Any,
    ) -> None:
        """Add one finding.  The same text again (the other isolation level saw it too) is not counted twice."""
        assert error in CLASSES
        if (error, text) in self.known:
            return
        self.known.add((error, text))
        allowed = ALLOWED.get(error, allowed)
        counts = self.allowed if allowed else self.errors
        counts[error] = counts.get(error, 0) + 1
        if counts[error] <= self.examples_max:
            self.kept.append(Finding(error=error, key=key, text=text, lines=lines, allowed=allowed, detail=detail))

    def verdict(self, information: dict[str, Any]) -> Verdict:
        return Verdict(
            valid=not self.errors,
            errors=dict(sorted(self.errors.items())),
            allowed=dict(sorted(self.allowed.items())),
            findings=tuple(self.kept),
            information=information,
        )
