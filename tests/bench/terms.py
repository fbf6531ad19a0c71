"""Under what terms a run was made: a ratio without them says little."""

import os
import platform
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version

import confluent_kafka

from tests.bench.plan import Plan


def lines(plan: Plan) -> list[str]:
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    packages = ", ".join(f"{name} {installed(name)}" for name in ("odradek", "trio", "crc32c", "confluent-kafka"))
    load = os.getloadavg()[0]
    serve = " ".join(plan.place.serve) or "with its defaults"
    return [
        f"machine: {os.cpu_count()} cores, {processor()}, Linux {platform.release()}, load {load:.2f} now",
        f"interpreter: CPython {platform.python_version()} ({'optimised' if optimised else 'not an optimised'} build), "
        f"{sys.executable}",
        f"software: {packages}, librdkafka {confluent_kafka.libversion()[0]}",
        f"data: {plan.place.directory} on {file_system(plan.place.directory)}; before each start a file of "
        f"{plan.place.warm_mb} MB is written there and deleted; sides in turn, {plan.trials} trials, medians",
        f"records: {plan.record_bytes} bytes, {plan.megabytes} MB a trial, acks=all, no compression; "
        f"small records {plan.small_bytes} bytes, {plan.load_s:g} s; {plan.requests} synchronous sends",
        "shapes: default = librdkafka's own (batch.size 1 MB, linger 5 ms); large = batch.size 1 MB, linger 50 ms; "
        "16k = batch.size 16 KiB",
        f"sides: {', '.join(side.name for side in plan.sides)}; odradek serve {serve}; "
        "all clients and brokers on 127.0.0.1 of this machine",
    ]


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        return next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")


def file_system(directory: str) -> str:
    shown = subprocess.run(["df", "--output=fstype", directory], capture_output=True, text=True, check=True)
    return shown.stdout.split()[-1]
