"""The command `odradek`.

Knows: the names of the subcommands and where each lives.  Does not know: their options.
Invariant: only the subcommand that was asked for is imported.
"""

import gc
import sys
from importlib import import_module

COMMANDS = {
    "serve": ("odradek.io.serve", "run a broker"),
    "topic": ("odradek.io.cli.topic", "create, list, describe, alter and delete topics"),
    "produce": ("odradek.io.cli.produce", "write records"),
    "consume": ("odradek.io.cli.consume", "read records"),
    "group": ("odradek.io.cli.group", "list, describe, reset and delete consumer groups"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; returns its exit code (2: the command line was wrong)."""
    argv = sys.argv[1:] if argv is None else argv
    if not __debug__:
        print("odradek: python -O removes checks it relies on: run without -O and PYTHONOPTIMIZE", file=sys.stderr)
        return 1
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help", "help"):
        print(usage())
        return 0
    if name in ("-V", "--version"):
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms that only this needs

        print(f"odradek {version('odradek')}")
        return 0
    if name not in COMMANDS:
        print(f"odradek: no command {ascii(name)[:80]}: use one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    if name == "serve":
        gc.disable()  # Until it is ready: what a start makes is there to stay.
    code: int = import_module(COMMANDS[name][0]).main(argv[1:])
    return code


def usage() -> str:
    """What there is."""
    lines = [f"  {name:<9} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: odradek COMMAND [OPTIONS]", "", *lines, "", "odradek COMMAND --help tells its options."])


if __name__ == "__main__":
    sys.exit(main())
