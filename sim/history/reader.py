"""Entries of a history, one after the other, into the columns of a Book.

Knows: the shape of an entry.  Does not know: files, rules.
Invariant: every row of the book is one whole operation; what the shape forbids is refused with its line, never guessed.

An entry is a mapping as JSON gives it; lists may be tuples.  `type` is invoke, ok, fail or info; `process` any name.

    f                       value
    config                  {"complete": false, "gapless": true, ...}   before the first operation; see terms.py
    final                   the final phase begins here (one line; no process, no completion)
    assign, subscribe       [k..]                with "seek_to_beginning": true: the keys are read from the beginning
    seek                    {k: offset}
    send, poll, txn         [mop..]    sends only, polls only, both
        mop invoked         ["send", k, v] or ["send", k, v, fields]      ["poll"]
        mop completed       ["send", k, [offset or null, v]]              ["poll", {k: [[offset, v] or
                                                                                        [offset, v, fields]..]}]
        op fields           "txn": true, "isolation": "read_committed" or "read_uncommitted",
                            "rebalance_log": [{"keys": [k..], "event"?, "group"?, "generation"?, "member"?,
                                               "protocol"?}..]
                            "offsets": {"value": {k: offset}, "group", "generation"?, "member"?, "protocol"?, "type"?}
    commit                  {k: offset}          with "group", "generation"?, "member"?, "protocol"?
    fetch-offsets           {k: offset or null}  with "group"
    end-offsets             {k: end or [end, leader epoch]}               with "isolation"?
    crash                   the client is discarded; always info
    debug-topic-partitions  ignored

An operation is two entries, the invocation and the completion; one that never completes counts as info.  A completion
without a value repeats its invocation's.  After an info completion the process id is retired: a client that goes on
needs a new one, or a poll after it would be compared with the wrong position.  Entries of the process `nemesis` are
ignored.  `time` is integer nanoseconds and optional; `error` on a completion is counted by its text.  `member` names
who owns keys (the instance id of a static member), `protocol: "consumer"` marks KIP-848 groups, `event` is assigned
(the default), revoked or lost.  `offsets` are those an operation commits; `type` there, if only that went otherwise.
Values are integers or strings, unique per key; an int key and its decimal text are the same key.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from odradek.sim.history.book import (
    FAIL,
    INFO,
    OK,
    POLL,
    SEND,
    TXN,
    UNKNOWN,
    Book,
    Commit,
    EndSeen,
    Fetched,
    Move,
    OddFields,
    Owned,
)
from odradek.sim.history.terms import Terms, stated

TYPES = {"ok": OK, "fail": FAIL, "info": INFO}
KINDS = {"send": SEND, "poll": POLL, "txn": TXN}
OTHERS = ("assign", "subscribe", "seek", "crash", "commit", "fetch-offsets", "end-offsets", "debug-topic-partitions")
NEVER = 2**62
"""The line on which an operation without a completion completes."""


class Malformed(ValueError):
    """The file is not a history; nothing can be said about what it records."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line


SHAPELESS = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError)
"""What taking apart an entry of another shape raises."""


def _shapeless(line: int, why: Exception) -> Malformed:
    return Malformed(line, f"not an entry of a history ({type(why).__name__}: {why})")


class Pending(NamedTuple):
    line: int
    f: str
    entry: Mapping[str, Any]
    writes: list[int]  # value numbers, in order


class Reader:
    """Feed entries with `add`, then take the book from `finish`."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.book = Book()
        self.pending: dict[Any, Pending] = {}
        self.retired: dict[Any, int] = {}
        self.process_ids: dict[Any, int] = {}
        self.late_fields: list[tuple[int, int, str]] = []  # read before its sender was seen

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry.  Raises Malformed; the book is of no use then."""
        self.book.entries += 1
        try:
            self._add(entry)
        except Malformed:
            raise
        except SHAPELESS as why:
            raise _shapeless(self.book.entries, why) from why

    def finish(self) -> Book:
        """The book, once every entry was added; what is still pending becomes info."""
        for process, pending in sorted(self.pending.items(), key=lambda item: item[1].line):
            try:
                self._complete(process, pending, {"type": "info"}, INFO, NEVER)
            except SHAPELESS as why:
                raise _shapeless(pending.line, why) from why
        self.pending.clear()
        for vid, op, read in self.late_fields:
            self._compare_fields(vid, op, read)
        return self.book

    # -- one entry ---------------------------------------------------------------------------------------------------

    def _add(self, entry: Mapping[str, Any]) -> None:
        line, f = self.book.entries, entry["f"]
        if f == "config":
            if self.book.ops or self.pending:
                raise Malformed(line, "config must come before the first operation")
            self.terms = stated(self.terms, entry["value"])
            return
        process = entry.get("process")
        if process == "nemesis":
            return
        if f == "final":
            self.book.final_line = self.book.final_line or line
            return
        if process is None or (f not in KINDS and f not in OTHERS):
            raise Malformed(line, f"an operation needs a process and a known f, not process {process!r} and f {f!r}")
        if entry["type"] == "invoke":
            self._invoke(process, entry, line)
            return
        pending = self.pending.pop(process, None)
        if pending is None or pending.f != f:
            raise Malformed(line, f"process {process!r} completes {f!r} but had invoked {pending and pending.f!r}")
        type_ = TYPES[entry["type"]]
        if type_ == INFO:
            self.retired[process] = line
        if type_ != OK and entry.get("error") is not None:
            cause = f"{entry['type']}: {entry['error']}"
            self.book.causes[cause] = self.book.causes.get(cause, 0) + 1
        self._complete(process, pending, entry, type_, line)

    def _invoke(self, process: Any, entry: Mapping[str, Any], line: int) -> None:
        if process in self.pending:
            since = self.pending[process].line
            raise Malformed(line, f"process {process!r} already has an operation since line {since}")
        if process in self.retired:
            raise Malformed(
                line,
                f"process {process!r} went on after its info completion at line {self.retired[process]}: "
                "a client that goes on needs a new process id",
            )
        f = entry["f"]
        writes: list[int] = []
        if f in KINDS:
            for mop in entry["value"]:
                if mop[0] not in {"send", "poll"} or (f != "txn" and mop[0] != f):
                    raise Malformed(line, f"{f} cannot hold {mop[0]!r}")
                if mop[0] == "send":
                    writes.append(self._declare(mop, line))
        self.pending[process] = Pending(line, f, entry, writes)

    def _declare(self, mop: Any, line: int) -> int:
        book, value = self.book, mop[2]
        if not isinstance(value, int | str) or isinstance(value, bool):
            raise Malformed(line, f"a value is an integer or a string, not {value!r}")
        vid = book.value(book.key(mop[1]), value)
        if book.value_line[vid]:
            first = book.value_line[vid]
            raise Malformed(line, f"value {value!r} was sent to key {mop[1]!r} at line {first} too: values are unique")
        book.value_line[vid] = line
        if len(mop) > 3:
            book.fields[vid] = canonical(mop[3])
        return vid

    # -- completions -------------------------------------------------------------------------------------------------

    def _complete(self, process: Any, pending: Pending, entry: Mapping[str, Any], type_: int, line: int) -> None:
        number = self.process_ids.get(process)
        if number is None:
            number = self.process_ids[process] = len(self.process_ids)
            self.book.process_names.append(str(process))
        f = pending.f
        if f in KINDS:
            self._operation(number, pending, entry, type_, line)
        elif f in {"assign", "subscribe", "seek"}:
            self._move(number, pending, type_, line)
        elif f == "commit":
            self._commit(whole(pending, entry), pending, type_, line, str(process))
        elif f == "fetch-offsets" and type_ == OK:
            group = str(whole(pending, entry)["group"])
            for key, offset in entry["value"].items():
                told = None if offset is None or offset < 0 else int(offset)
                self.book.fetched.append(Fetched(group, self.book.key(key), told, pending.line, line))
        elif f == "end-offsets" and type_ == OK:
            stable = whole(pending, entry).get("isolation") == "read_committed"
            for key, seen in entry["value"].items():
                end, epoch = (seen, None) if isinstance(seen, int) else (seen[0], seen[1])
                self.book.ends.append(EndSeen(self.book.key(key), end, epoch, stable, pending.line, line))

    def _operation(self, process: int, pending: Pending, entry: Mapping[str, Any], type_: int, line: int) -> None:
        book, op, kind = self.book, self.book.ops, KINDS[pending.f]
        transactional = kind == TXN or bool(entry.get("txn", pending.entry.get("txn", self.terms.transactional)))
        isolation = entry.get("isolation", pending.entry.get("isolation"))
        book.kinds.append(kind)
        book.types.append(type_)
        book.transactional.append(transactional)
        book.uncommitted.append(self.terms.uncommitted if isolation is None else isolation == "read_uncommitted")
        book.processes.append(process)
        book.invoked.append(pending.line)
        book.completed.append(line)
        book.began_ns.append(pending.entry.get("time", UNKNOWN))
        book.ended_ns.append(entry.get("time", UNKNOWN))
        value = entry.get("value")
        polls = self._writes(op, pending, value if value is not None else pending.entry["value"], line)
        self._reads(op, polls, line)
        if transactional:
            book.transactional_keys.update(book.value_key[vid] for vid in pending.writes)
        if "rebalance_log" in entry:
            self._rebalances(op, entry["rebalance_log"], line, book.process_names[process])
        offsets = entry.get("offsets", pending.entry.get("offsets"))
        if offsets:
            sure = TYPES[offsets["type"]] if "type" in offsets else type_
            self._commit(offsets, pending, sure, line, book.process_names[process])

    def _writes(self, op: int, pending: Pending, mops: Any, line: int) -> list[Mapping[Any, Any]]:
        """Fill in the written values; give back what the polls read."""
        book, polls, done = self.book, [], 0
        for mop in mops:
            if mop[0] == "poll":
                if len(mop) > 1 and mop[1]:
                    polls.append(mop[1])
                continue
            offset, value = mop[2] if isinstance(mop[2], list | tuple) else (None, mop[2])
            vid = book.value_ids[book.key(mop[1])].get(value, UNKNOWN)
            if mop[0] != "send" or done == len(pending.writes) or pending.writes[done] != vid:
                raise Malformed(line, f"{mop!r} completes what line {pending.line} did not invoke")
            done += 1
            book.write_vid.append(vid)
            book.write_offset.append(UNKNOWN if offset is None or offset < 0 else offset)
        if book.types[op] == OK and done != len(pending.writes):
            raise Malformed(line, f"an ok completion must hold every send of line {pending.line}")
        for vid in pending.writes[done:]:
            book.write_vid.append(vid)
            book.write_offset.append(UNKNOWN)
        for vid in pending.writes:
            book.value_writer[vid] = op
        book.write_of_op.append(len(book.write_vid))
        return polls

    def _reads(self, op: int, polls: list[Mapping[Any, Any]], line: int) -> None:
        book = self.book
        by_key: dict[int, list[Any]] = {}
        for poll in polls:
            for name, records in poll.items():
                by_key.setdefault(book.key(name), []).extend(records)
        vids, offsets = book.read_vid, book.read_offset
        for kid, records in by_key.items():
            if not records:
                continue
            known = book.value_ids[kid]
            for record in records:
                vid = known.get(record[1])
                if vid is None:
                    vid = book.value(kid, record[1])
                vids.append(vid)
                offsets.append(record[0])
                if len(record) > 2:
                    self._fields(vid, op, canonical(record[2]))
            if min(offsets[book.run_end[-1] :]) < 0:
                raise Malformed(line, f"key {book.key_names[kid]!r} was read at a negative offset")
            book.run_key.append(kid)
            book.run_end.append(len(vids))
        book.run_of_op.append(len(book.run_key))

    def _fields(self, vid: int, op: int, read: str) -> None:
        if self.book.value_line[vid]:
            self._compare_fields(vid, op, read)
        else:
            self.late_fields.append((vid, op, read))

    def _compare_fields(self, vid: int, op: int, read: str) -> None:
        sent = self.book.fields.get(vid)
        if sent is not None and sent != read:
            self.book.odd_fields.append(OddFields(vid, op, sent, read))

    # -- positions, groups, offsets ----------------------------------------------------------------------------------

    def _move(self, process: int, pending: Pending, type_: int, line: int) -> None:
        book, value = self.book, pending.entry["value"]
        positions: dict[int, int | None]
        if pending.f == "seek":
            positions = {book.key(key): offset for key, offset in value.items()}
        else:
            start = 0 if pending.entry.get("seek_to_beginning") else None
            positions = {book.key(key): start for key in value}
        if book.final_line and pending.line > book.final_line and type_ == OK:
            book.final_keys.update(kid for kid, offset in positions.items() if offset == 0)
        book.moves.append(Move(book.ops, line, process, pending.f, type_, positions))

    def _rebalances(self, op: int, log: Iterable[Mapping[str, Any]], line: int, process: str) -> None:
        book, touched = self.book, set[int]()
        for event in log:
            keys = [book.key(key) for key in event["keys"]]
            touched.update(keys)
            generation = event.get("generation")
            if event.get("event", "assigned") == "assigned" and generation is not None and generation >= 0:
                member, group = str(event.get("member", process)), str(event.get("group", ""))
                classic = event.get("protocol") != "consumer"
                book.owned.extend(Owned(group, generation, kid, member, line, classic) for kid in keys)
        if touched:
            book.rebalanced[op] = frozenset(touched)

    def _commit(self, offsets: Mapping[str, Any], pending: Pending, type_: int, line: int, process: str) -> None:
        group, member = str(offsets["group"]), str(offsets.get("member", process))
        generation = offsets.get("generation")
        generation, classic = -1 if generation is None else generation, offsets.get("protocol") != "consumer"
        for key, offset in offsets["value"].items():
            commit = Commit(group, self.book.key(key), offset, type_, pending.line, line, generation, member, classic)
            self.book.commits.append(commit)


def whole(pending: Pending, entry: Mapping[str, Any]) -> dict[str, Any]:
    """An operation as one entry: the completion's words, the invocation's where it says nothing."""
    return {**pending.entry, **{name: said for name, said in entry.items() if said is not None}}


def canonical(fields: Any) -> str:
    """One text for equal fields: JSON with sorted names."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))
