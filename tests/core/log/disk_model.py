"""A disk that keeps the effect contract and nothing more: page cache and platter, kill and power cut.

Knows: the contract of `core/effects.py`.  Does not know: what is stored.
Invariant: what a completed sync covered survives a power cut; what a completed append wrote survives a kill.
Effects wait in a queue for each file; which one moves next is drawn, so those of different files come in any order.
"""

from collections import deque
from random import Random

from odradek.core.effects import Append, Effect, List, Note, Read, Remove, Replace, Sync, Truncate
from odradek.core.events import Done, Failed
from odradek.core.types import FileName

FileEffect = Append | Sync | Read | Truncate | Replace | Remove | List


class File:
    """`cache` is what a read returns, None when there is no such file; `platter` what a power cut leaves."""

    def __init__(self) -> None:
        self.cache: bytearray | None = None
        self.platter: bytes | None = None


class Disk:
    """`capacity` in bytes over all files; `sync_fails` names files whose next sync fails, once."""

    def __init__(self, rng: Random, sector: int = 16, capacity: int = 1 << 40) -> None:
        self.rng = rng
        self.sector = sector
        self.capacity = capacity
        self.files: dict[FileName, File] = {}
        self.queues: dict[FileName, deque[FileEffect]] = {}
        self.stuck: dict[FileName, None] = {}
        """Files that refused an append and have not been truncated since: they refuse the following ones too."""
        self.sync_fails: dict[FileName, str] = {}
        self.read_fails: dict[FileName, str] = {}
        self.notes: list[Note] = []
        self.performed: list[FileEffect] = []

    @property
    def used(self) -> int:
        return sum(len(file.cache) for file in self.files.values() if file.cache is not None)

    def names(self) -> list[FileName]:
        return sorted(name for name, file in self.files.items() if file.cache is not None)

    def submit(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Note):
                self.notes.append(effect)
                continue
            assert isinstance(effect, FileEffect), effect
            name = "" if isinstance(effect, List) else effect.file
            self.queues.setdefault(name, deque()).append(effect)

    def step(self, only: str | None = None) -> Done | Failed | None:
        """Perform one effect of a queue drawn at random (or of one whose file name holds `only`)."""
        ready = [name for name, queue in self.queues.items() if queue and (only is None or only in name)]
        if not ready:
            return None
        effect = self.queues[self.rng.choice(ready)].popleft()
        self.performed.append(effect)
        return self._perform(effect)

    def read(self, name: FileName, at: int, size: int) -> bytes:
        file = self.files.get(name)
        return b"" if file is None or file.cache is None else bytes(file.cache[at : at + size])

    def flip(self, name: FileName, at: int) -> None:
        """Rot: one bit, in cache and on the platter."""
        file = self.files[name]
        if file.cache is not None:
            file.cache[at] ^= 0x10
        if file.platter is not None and at < len(file.platter):
            changed = bytearray(file.platter)
            changed[at] ^= 0x10
            file.platter = bytes(changed)

    def _perform(self, effect: FileEffect) -> Done | Failed:
        if isinstance(effect, List):
            found = ((name, len(file.cache)) for name, file in self.files.items() if file.cache is not None)
            return Done(effect.then, tuple(sorted(found)))
        file = self.files.setdefault(effect.file, File())
        if isinstance(effect, Append):
            size = sum(len(chunk) for chunk in effect.chunks)
            if effect.file in self.stuck or self.used + size > self.capacity:
                self.stuck[effect.file] = None
                return Failed(effect.then, "ENOSPC")
            self._extend(file, effect, size)
        elif isinstance(effect, Sync):
            if effect.file in self.sync_fails:
                return Failed(effect.then, self.sync_fails.pop(effect.file))
            file.platter = None if file.cache is None else bytes(file.cache)
        elif isinstance(effect, Read):
            if effect.file in self.read_fails:
                return Failed(effect.then, self.read_fails[effect.file])
            return Done(effect.then, self.read(effect.file, effect.at, effect.size))
        elif isinstance(effect, Truncate):
            self.stuck.pop(effect.file, None)
            if file.cache is not None:
                del file.cache[effect.size :]
        elif isinstance(effect, Replace):
            file.cache = bytearray(effect.data)
            file.platter = effect.data
        else:
            file.cache = file.platter = None
            self.stuck.pop(effect.file, None)
        return Done(effect.then)

    def _extend(self, file: File, effect: Append, size: int) -> None:
        if file.cache is None:
            file.cache = bytearray()
        left = size
        for chunk in effect.chunks:
            file.cache += chunk[:left]
            left -= min(left, len(chunk))

    def kill(self) -> None:
        """The process dies: of each queue a prefix happened, the append after it perhaps in part."""
        for queue in self.queues.values():
            for _ in range(self.rng.randrange(len(queue) + 1)):
                self._perform(queue.popleft())
            if queue and isinstance(queue[0], Append) and queue[0].file not in self.stuck and self.rng.random() < 0.5:
                effect = queue[0]
                size = sum(len(chunk) for chunk in effect.chunks)
                self._extend(self.files.setdefault(effect.file, File()), effect, self.rng.randrange(size + 1))
        self.queues.clear()
        self.stuck.clear()
        self.sync_fails.clear()

    def power(self) -> None:
        """The machine dies: of what no sync covered each sector, length and name survives or not."""
        self.kill()
        mood = self.rng.randrange(10)
        for name in sorted(self.files):
            file = self.files[name]
            if mood != 0:
                file.cache = self._after_power(file, everything_lost=mood == 1)
            file.platter = None if file.cache is None else bytes(file.cache)
        self.files = {name: file for name, file in self.files.items() if file.cache is not None}

    def _after_power(self, file: File, everything_lost: bool) -> bytearray | None:
        rng, old, new = self.rng, file.platter, file.cache
        if old == new or everything_lost:
            return None if old is None else bytearray(old)
        if new is None or old is None:
            if rng.random() < 0.5:
                return None if old is None else bytearray(old)
            if new is None:
                return None
            old = b""
        size = rng.choice((len(old), len(new), rng.randint(min(len(old), len(new)), max(len(old), len(new)))))
        left = bytearray()
        while len(left) < size:
            at = len(left)
            stop = min(at + self.sector, size)
            before, after = old[at:stop], bytes(new[at:stop])
            choice = rng.randrange(4)
            if before == after or choice == 0:
                part = after
            elif choice == 1:
                part = before
            elif choice == 2:
                part = (after[: rng.randrange(len(after) + 1)] + before)[: stop - at]
            else:
                part = b""
            filler = b"" if len(part) == stop - at else rng.choice((bytes(stop - at), rng.randbytes(stop - at)))
            if at < min(len(old), len(new)) and len(part) < stop - at and before[len(part) :]:
                filler = part + before[len(part) :] + filler
                left += self._keep_synced(old, new, at, filler[: stop - at])
            else:
                left += self._keep_synced(old, new, at, (part + filler[len(part) :])[: stop - at])
        return left

    def _keep_synced(self, old: bytes, new: bytearray, at: int, part: bytes) -> bytes:
        """Bytes that are the same on the platter and in the cache were never written to: nothing tears them."""
        kept = bytearray(part)
        for i in range(len(kept)):
            if at + i < len(old) and at + i < len(new) and old[at + i] == new[at + i]:
                kept[i] = old[at + i]
        return bytes(kept)
