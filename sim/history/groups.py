"""Rules about groups: committed offsets, old generations, who owns which key.

Knows: commits and fetched offsets with the lines they began and ended on.  Does not know: sends, polls.
Invariant: a fetched offset is reported only if no order of the commits that real time allows could have given it.
"""

from bisect import bisect_left

from odradek.sim.history.book import FAIL, OK, Book, Commit, Fetched
from odradek.sim.history.findings import Findings
from odradek.sim.history.reader import NEVER


def check_committed(book: Book, findings: Findings) -> None:
    """A committed offset is a register per group and key.  A fetch may return what a commit wrote that was not surely
    overwritten before the fetch began: never what failed commits alone wrote, never less than it was."""
    registers: dict[tuple[str, int], _Register] = {}
    for commit in sorted(book.commits, key=lambda one: one.invoked):
        registers.setdefault((commit.group, commit.key), _Register()).add(commit)
    for register in registers.values():
        register.close()
    for fetched in sorted(book.fetched, key=lambda one: one.completed):
        register = registers.setdefault((fetched.group, fetched.key), _Register())
        _judge_fetch(book, register, fetched, findings)


def _judge_fetch(book: Book, register: "_Register", fetched: Fetched, findings: Findings) -> None:
    key = book.key_names[fetched.key]
    candidates = [one for one in register.wrote.get(fetched.offset, []) if one.invoked < fetched.completed]
    sure = [one for one in candidates if one.type != FAIL]
    fetch = f"offset {fetched.offset} fetched at lines {fetched.invoked}-{fetched.completed}"
    story = f"group {fetched.group!r} key {key}: {fetch}"
    error = ""
    if fetched.offset is not None and not candidates:
        error, story = "committed-offset-phantom", f"{story}, committed by nobody"
    elif fetched.offset is not None and not sure:
        error = "committed-offset-aborted"
        story = f"{story}, committed only by the failed commit of line {candidates[0].invoked}"
    else:
        newest = register.newest(fetched.invoked)
        ends = [one.completed if one.type == OK else NEVER for one in sure] or [0]
        if newest is not None and max(ends) < newest.invoked:
            error = "committed-offset-regressed"
            story = f"{story}, though {newest.offset} had been committed by lines {newest.invoked}-{newest.completed}"
    if error:
        lines = tuple(sorted({fetched.invoked, fetched.completed, *(one.invoked for one in candidates[:4])}))
        findings.add(error, story, key=key, lines=lines, group=fetched.group, offset=fetched.offset)
    elif len(sure) == 1:
        register.witnessed(sure[0], fetched)


class _Register:
    """The commits of one group and key."""

    def __init__(self) -> None:
        self.wrote: dict[int | None, list[Commit]] = {}  # offset → commits, in order of their beginning
        self.done: list[tuple[int, int, Commit]] = []  # (completed, invoked, commit) of ok commits
        self.ended: list[int] = []
        self.latest: list[Commit] = []  # of the commits that ended by then, the one that began last

    def add(self, commit: Commit) -> None:
        self.wrote.setdefault(commit.offset, []).append(commit)
        if commit.type == OK:
            self.done.append((commit.completed, commit.invoked, commit))

    def close(self) -> None:
        for completed, _, commit in sorted(self.done):
            self._end(completed, commit)

    def witnessed(self, commit: Commit, fetched: Fetched) -> None:
        """A fetch saw the commit: whatever its outcome said, it had happened when that fetch ended.  Fetches come in
        the order they ended, but after all commits were entered, so the place is searched."""
        if commit.type == OK and commit.completed <= fetched.completed:
            return
        at = bisect_left(self.ended, fetched.completed)
        if at and self.latest[at - 1].invoked >= commit.invoked:
            return
        self.ended.insert(at, fetched.completed)
        self.latest.insert(at, commit)
        for later in range(at + 1, len(self.latest)):
            if self.latest[later].invoked >= commit.invoked:
                break
            self.latest[later] = commit

    def newest(self, line: int) -> Commit | None:
        """Of the commits surely done before the line, the one that began last."""
        at = bisect_left(self.ended, line)
        return self.latest[at - 1] if at else None

    def _end(self, completed: int, commit: Commit) -> None:
        newer = not self.latest or commit.invoked > self.latest[-1].invoked
        self.ended.append(completed)
        self.latest.append(commit if newer else self.latest[-1])


def check_zombies(book: Book, findings: Findings) -> None:
    """zombie-commit: accepted with a generation older than one that had already committed or been given keys before it
    began.  Under KIP-848 members of one group differ in epoch, so there each member is compared with itself."""
    events: list[tuple[int, int, Commit | None, tuple[str, str], int]] = []
    for commit in book.commits:
        if commit.type == OK and commit.generation >= 0:
            scope = (commit.group, "" if commit.classic else commit.member)
            events.append((commit.invoked, 1, commit, scope, commit.generation))
            events.append((commit.completed, 0, None, scope, commit.generation))
    for owned in book.owned:
        events.append((owned.line, 0, None, (owned.group, "" if owned.classic else owned.member), owned.generation))
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    for line, _, accepted, scope, generation in sorted(events, key=lambda event: event[:2]):
        known = newest.get(scope)
        if accepted is None:
            if known is None or generation > known[0]:
                newest[scope] = (generation, line)
        elif known is not None and generation < known[0]:
            key, began, ended = book.key_names[accepted.key], accepted.invoked, accepted.completed
            findings.add(
                "zombie-commit",
                f"group {accepted.group!r} key {key}: offset {accepted.offset} of generation {generation} accepted "
                f"at lines {began}-{ended}, though generation {known[0]} was there since line {known[1]}",
                key=key,
                lines=(known[1], began, ended),
                group=accepted.group,
                generation=generation,
                newer=known[0],
            )


def check_exclusive(book: Book, findings: Findings) -> None:
    """group-exclusivity: within one generation a key has one owner."""
    owners: dict[tuple[str, int, int], tuple[str, int]] = {}
    for owned in book.owned:
        member, line = owners.setdefault((owned.group, owned.generation, owned.key), (owned.member, owned.line))
        if member != owned.member:
            key = book.key_names[owned.key]
            findings.add(
                "group-exclusivity",
                f"group {owned.group!r} generation {owned.generation}: key {key} given to {member!r} (line {line}) "
                f"and to {owned.member!r} (line {owned.line})",
                key=key,
                lines=(line, owned.line),
                group=owned.group,
                generation=owned.generation,
                members=[member, owned.member],
            )
