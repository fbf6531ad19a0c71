"""What the kernel says of a process: processor time and memory, read from /proc.

Knows: Linux's /proc.  Does not know: whose process it is.
"""

import os

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MB = 1_000_000


def cpu_s(pid: int) -> float:
    """User and system seconds of all threads so far, in steps of one tick (10 ms)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def cpu_fine_s(pid: int) -> float:
    """Seconds that the living threads ran, to the nanosecond; for a process at rest.  Falls back to ticks."""
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as schedstat:
                total += int(schedstat.read().split()[0])
    except FileNotFoundError:
        return cpu_s(pid)
    return total / 1e9


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory now (`VmRSS`) or at its highest (`VmHWM`), in MB of 10**6 bytes."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024 / MB
    raise RuntimeError(f"/proc/{pid}/status has no {field}")
