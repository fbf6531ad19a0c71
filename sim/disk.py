"""The simulator's disk: a page cache, a platter, and for each file a journal of what no sync has covered yet.

Knows: the effect contract of `core/effects.py`, and how a disk may break (durability.md).  Does not know: time (that is
`spindle`), what is stored.
Invariant: what a completed sync covered survives a power cut, and what a completed append wrote survives a kill, unless
a fault of the budget's beyond kind was injected.  Nothing above a sector is atomic.
"""

from random import Random
from typing import Final

from odradek.core.errors import Broken
from odradek.core.types import FileName
from odradek.sim.chance import between

CREATE: Final = "create"
WRITE: Final = "write"
TRUNCATE: Final = "truncate"
UNLINK: Final = "unlink"

SYNCED_ALL: Final = 1 << 62
DRIVERS_OWN: Final = ("meta.properties",)


class Change:
    """One unsynced effect on a file.  `number` orders it among all changes of the disk."""

    __slots__ = ("at", "data", "kind", "number")

    def __init__(self, number: int, kind: str, at: int = 0, data: bytes = b"") -> None:
        self.number = number
        self.kind = kind
        self.at = at
        self.data = data


class File:
    """`cache` is what a read returns, None when there is no such file; `platter` what a power cut surely leaves."""

    __slots__ = ("cache", "changes", "platter")

    def __init__(self) -> None:
        self.cache: bytearray | None = None
        self.platter: bytearray | None = None
        self.changes: list[Change] = []


class Disk:
    """`sector` bytes; `capacity` in bytes over all files.  All methods are immediate: `spindle` gives them their time."""

    def __init__(self, rng: Random, sector: int = 512, capacity: int = 1 << 40) -> None:
        self.rng = rng
        self.sector = sector
        self.capacity = capacity
        self.files: dict[FileName, File] = {}
        self.number = 0
        self.bad: dict[FileName, list[tuple[int, int]]] = {}
        """Ranges that give EIO when read, until they are written again."""
        self.stale: bytes = b""
        """What was once written somewhere: what an extension without its data may show."""

    # What a process asks -----------------------------------------------------------------------------------------

    @property
    def used(self) -> int:
        return sum(len(file.cache) for file in self.files.values() if file.cache is not None)

    def append(self, name: FileName, data: bytes, upto: int | None = None) -> bool:
        """Write behind the last byte.  False, and nothing changed, when there is no room; `upto` cuts it short."""
        if self.used + len(data) > self.capacity:
            return False
        file = self._made(name)
        assert file.cache is not None
        written = data if upto is None else data[:upto]
        self._change(file, WRITE, len(file.cache), written)
        file.cache += written
        if written:
            self.stale = (self.stale + written)[-4 * self.sector :]
        return True

    def read(self, name: FileName, at: int, size: int) -> bytes | None:
        """At most `size` bytes; None for EIO.  A missing file is an empty one."""
        for start, stop in self.bad.get(name, ()):
            if at < stop and start < at + size:
                return None
        file = self.files.get(name)
        return b"" if file is None or file.cache is None else bytes(file.cache[at : at + size])

    def truncate(self, name: FileName, size: int) -> None:
        file = self.files.get(name)
        if file is not None and file.cache is not None and len(file.cache) > size:
            self._change(file, TRUNCATE, size)
            del file.cache[size:]
            self._rewritten(name, size)

    def replace(self, name: FileName, data: bytes) -> bool:
        """Put `data` in place of the whole file, durable at once.  False when there is no room for both."""
        check(name)
        if self.used + len(data) > self.capacity:
            return False
        file = self.files.setdefault(name, File())
        file.cache = bytearray(data)
        file.platter = bytearray(data)
        file.changes.clear()
        self.bad.pop(name, None)
        return True

    def remove(self, name: FileName) -> None:
        file = self.files.get(name)
        if file is not None and file.cache is not None:
            self._change(file, UNLINK)
            file.cache = None
            self.bad.pop(name, None)

    def listing(self) -> tuple[tuple[FileName, int], ...]:
        return tuple(
            sorted((name, len(file.cache)) for name, file in self.files.items() if file.cache is not None)
        )

    def sync(self, name: FileName, upto: int = SYNCED_ALL) -> None:
        """Every change of the file numbered up to `upto` is on the platter."""
        file = self.files.get(name)
        if file is None:
            return
        while file.changes and file.changes[0].number <= upto:
            _apply(file, file.changes.pop(0))

    def lose_sync(self, name: FileName) -> None:
        """A sync failed as on ext4 and XFS: the pages are marked clean, some reached the platter, nobody knows which."""
        file = self.files.get(name)
        if file is None:
            return
        changes, file.changes = file.changes, []
        for change in changes:
            if change.kind != WRITE or self.rng.random() < 0.3:
                _apply(file, change)

    def unsynced(self) -> int:
        """Changes that a power cut may lose."""
        return sum(len(file.changes) for file in self.files.values())

    def _made(self, name: FileName) -> File:
        check(name)
        file = self.files.setdefault(name, File())
        if file.cache is None:
            file.cache = bytearray()
            self._change(file, CREATE)
        return file

    def _change(self, file: File, kind: str, at: int = 0, data: bytes = b"") -> None:
        self.number += 1
        file.changes.append(Change(self.number, kind, at, data))

    def _rewritten(self, name: FileName, at: int) -> None:
        held = self.bad.get(name)
        if held is not None:
            self.bad[name] = [(start, min(stop, at)) for start, stop in held if start < at]

    # What happens to it ------------------------------------------------------------------------------------------

    def write_back(self) -> None:
        """The kernel writes some pages in the background: unsynced is not always lost."""
        for name in sorted(self.files):
            if self.rng.random() < 0.5:
                self.sync(name)

    def power(self, mood: int) -> int:
        """The machine dies.  `mood` 0 keeps everything, 1 nothing unsynced, else each sector by itself.  The number of
        unsynced changes.
        """
        unsynced = self.unsynced()
        for name in sorted(self.files):
            file = self.files[name]
            if mood == 0:
                self.sync(name)
            elif mood == 1:
                file.changes.clear()
            else:
                self._survive(file)
            file.cache = None if file.platter is None else bytearray(file.platter)
        self.files = {name: file for name, file in self.files.items() if file.cache is not None}
        return unsynced

    def _survive(self, file: File) -> None:
        """Replay the journal of one file onto its platter, each change kept, dropped or torn by itself."""
        ours = file.platter is not None
        for change in file.changes:
            kept = self.rng.random() < 0.5
            if change.kind == CREATE:
                ours = kept
                if kept:
                    file.platter = bytearray()
            elif change.kind == UNLINK:
                if kept and ours:
                    file.platter = None
                ours = False
            elif ours and file.platter is not None:
                if change.kind == TRUNCATE:
                    if kept:
                        del file.platter[change.at :]
                else:
                    self._sectors(file.platter, change.at, change.data)
        file.changes.clear()

    def _sectors(self, platter: bytearray, at: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            size = min(self.sector - (at + done) % self.sector, len(data) - done)
            self._one_sector(platter, at + done, data[done : done + size])
            done += size

    def _one_sector(self, platter: bytearray, at: int, part: bytes) -> None:
        """One sector's bytes: whole, lost, torn, or only the file's length grew and zeros or old bytes show."""
        rng = self.rng
        fate = between(rng, 0, 9)
        cut = between(rng, 0, len(part))
        filler = (bytes(len(part)), (self.stale * (len(part) // max(1, len(self.stale)) + 1))[: len(part)])[fate % 2]
        filler = filler.ljust(len(part), b"\0")
        if fate < 4:
            _put(platter, at, part)
        elif fate < 6:
            return
        elif fate == 6:
            _put(platter, at, part[:cut])
        elif fate == 7:
            _put(platter, at, part[:cut] + filler[cut:])
        elif fate == 8:
            _put(platter, at, filler[:cut] + part[cut:])
        else:
            _put(platter, at, filler)

    # Faults that nobody announces --------------------------------------------------------------------------------

    def flip(self, name: FileName, at: int, bit: int) -> None:
        """Rot at rest: one bit, wherever the byte is kept.  A rotten change that is not synced yet rots with it."""
        file = self.files[name]
        for copy in (file.cache, file.platter):
            if copy is not None and at < len(copy):
                copy[at] ^= 1 << bit
        for change in file.changes:
            if change.kind == WRITE and change.at <= at < change.at + len(change.data):
                data = bytearray(change.data)
                data[at - change.at] ^= 1 << bit
                change.data = bytes(data)

    def overwrite(self, name: FileName, at: int, data: bytes) -> None:
        """A write meant for elsewhere lands here, durably."""
        file = self.files[name]
        for copy in (file.cache, file.platter):
            if copy is not None and at < len(copy):
                copy[at : at + len(data)] = data[: len(copy) - at]

    def spoil(self, name: FileName, at: int, size: int) -> None:
        """A range gives EIO when it is read, until it is written anew."""
        self.bad.setdefault(name, []).append((at, at + size))


def check(name: FileName) -> None:
    """A file name is made of ids and numbers by the core's own code; another kind is a bug."""
    fine = name.isascii() and name.isprintable() and name not in DRIVERS_OWN and "\\" not in name
    if not fine or any(not part or part.startswith(".") for part in name.split("/")):
        raise Broken(f"{name!r} is not a file name of the data directory")


def _apply(file: File, change: Change) -> None:
    if change.kind == CREATE:
        file.platter = bytearray()
    elif change.kind == UNLINK:
        file.platter = None
    elif file.platter is None:
        return
    elif change.kind == TRUNCATE:
        del file.platter[change.at :]
    else:
        _put(file.platter, change.at, change.data)


def _put(platter: bytearray, at: int, data: bytes) -> None:
    if len(platter) < at and data:
        platter.extend(bytes(at - len(platter)))
    platter[at : at + len(data)] = data
