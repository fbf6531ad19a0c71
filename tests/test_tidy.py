"""The house rules that no linter we use knows, read off the source itself.

Knows: the architecture's bans and the style's sizes.  Does not know: what any of the code does.
Invariant: each rule is shown to bite by a piece of bad source below.
"""

import ast
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import odradek.core.types
from odradek.core.wire.registry import APIS

ROOT = Path(__file__).parent.parent
FLOORS = ("core", "io", "sim")

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 700

BANNED_IMPORTS = frozenset(
    {
        *("asyncio", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "secrets", "select", "selectors"),
        *("shutil", "signal", "socket", "subprocess", "sys", "tempfile", "threading", "time", "trio"),
    }
)
ONLY_THE_TYPE = {"random": {"Random"}, "uuid": {"UUID"}}
"""Of these modules core may import that name alone: the rest of them draws from the machine."""

BANNED_CALLS = frozenset({"breakpoint", "eval", "hash", "id", "input", "open", "print"})
BANNED_WORDS = ("TODO", "FIXME", "XXX", "HACK", "NotImplementedError")
BANNED_NAMES = re.compile(r"(?i)(managers?|helpers?|utils?|utilit(y|ies)|commons?|misc)$")
"""As a whole word of a snake_case or CamelCase name; names of the protocol itself are below."""

NAME_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
DECLARATIONS = {f"core/wire/{api.area}.py": "tests/core/wire/test_kio_parity.py" for api in APIS.values()}
PARITY = "tests/core/wire/test_interpret.py"
THE_LOG = "tests/core/log/test_log_walks.py"
"""Seeded lives of a whole data directory against a plain list."""

THE_NODE = "tests/core/requests/test_hard_requirements.py"
"""A whole node, asked over the wire."""

COVERED_ELSEWHERE: dict[str, str] = DECLARATIONS | {
    "core/broker.py": THE_NODE,
    "core/catalog.py": THE_NODE,
    "core/errors.py": THE_NODE,
    "core/limits.py": THE_NODE,
    "core/machine.py": THE_NODE,
    "core/node.py": THE_NODE,
    "core/log/commit.py": THE_LOG,
    "core/log/epochs.py": THE_LOG,
    "core/log/index.py": THE_LOG,
    "core/log/journal.py": THE_LOG,
    "core/log/log.py": THE_LOG,
    "core/log/lookup.py": THE_LOG,
    "core/log/marker.py": THE_LOG,
    "core/log/producers.py": THE_LOG,
    "core/log/reader.py": THE_LOG,
    "core/log/replay.py": THE_LOG,
    "core/log/rounds.py": THE_LOG,
    "core/log/segment.py": THE_LOG,
    "core/log/state.py": THE_LOG,
    "core/log/store.py": THE_LOG,
    "core/log/window.py": THE_LOG,
    "core/config_broker.py": "tests/core/test_configs.py",
    "core/config_setting.py": "tests/core/test_configs.py",
    "core/config_topic.py": "tests/core/test_configs.py",
    "core/effects.py": "tests/test_disk_contract.py",
    "core/quorum/describe.py": "tests/core/quorum/test_settings.py",
    "core/records/read.py": "tests/core/records/test_build.py",
    "core/wire/compile.py": PARITY,
    "core/wire/layout.py": PARITY,
    "core/wire/primitives.py": PARITY,
    "core/wire/reading.py": PARITY,
    "core/wire/structs.py": PARITY,
    "core/wire/writing.py": PARITY,
}
"""A core file without a test file of its own -> the test file that covers it, from the root."""


class Source(NamedTuple):
    path: Path
    text: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return tuple(parsed(path, path.read_text("utf-8")) for path in paths if "node_modules" not in path.parts)


def parsed(path: Path, text: str) -> Source:
    return Source(path, text, ast.parse(text))


def example(text: str) -> Source:
    return parsed(ROOT / "core" / "example.py", text)


# -- rules: each yields what is wrong, and where


def banned_imports(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if {alias.name for alias in node.names} <= ONLY_THE_TYPE.get(node.module or "", frozenset()):
                continue
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] in BANNED_IMPORTS | ONLY_THE_TYPE.keys():
                yield f"{source.at(node)}: imports {name}"


def banned_calls(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in BANNED_CALLS:
                yield f"{source.at(node)}: calls {name}()"
            case ast.Call(func=ast.Name(id="Random"), args=[], keywords=[]):
                yield f"{source.at(node)}: Random() without a seed draws one from the machine"


def sets_iterated(source: Source) -> Iterator[str]:
    """Iteration over what is plainly a set: a literal, set(…), frozenset(…), or a name or attribute declared as one."""
    declared = names_declared_as_sets(source.tree)
    for node in ast.walk(source.tree):
        for iterated in iterated_by(node):
            if is_set(iterated, declared):
                yield f"{source.at(node)}: iterates over the set {ast.unparse(iterated)}"


ORDER_TAKING = ("list", "tuple", "enumerate", "iter", "zip", "map", "filter", "reversed", "deque")


def iterated_by(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.For | ast.comprehension):
        return [node.iter]
    if isinstance(node, ast.YieldFrom | ast.Starred):
        return [node.value]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ORDER_TAKING:
        return list(node.args)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("join", "extend"):
        return list(node.args)
    return []


def is_set(node: ast.expr, declared: frozenset[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.Sub() | ast.BitXor()):
            return is_set(node.left, declared) or is_set(node.right, declared)
        case ast.Name() | ast.Attribute():
            return ast.unparse(node) in declared
        case _:
            return False


def names_declared_as_sets(tree: ast.Module) -> frozenset[str]:
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=target, annotation=annotation) if names_a_set(annotation):
                found.append(ast.unparse(target))
                found.append(f"self.{ast.unparse(target)}")
            case ast.arg(arg=name, annotation=annotation) if annotation is not None and names_a_set(annotation):
                found.append(name)
            case ast.Assign(targets=[target], value=value) if is_set(value, frozenset()):
                found.append(ast.unparse(target))
    return frozenset(found)


def names_a_set(annotation: ast.expr) -> bool:
    return re.match(r"(set|frozenset|Set|AbstractSet)\b", ast.unparse(annotation)) is not None


def long_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{source.at(node)}: {node.name} has {lines} lines, {FUNCTION_LINES_MAX} at most"


def long_file(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{source.at(source.tree)}: {lines} lines, {FILE_LINES_MAX} at most"


def bare_excepts(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{source.at(node)}: except without a type"


def unfinished(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.text.split("\n"), 1):
        for word in BANNED_WORDS:
            if re.search(rf"\b{word}\b", line):
                yield f"{source.path.relative_to(ROOT)}:{number}: {word}"


def empty_names(source: Source) -> Iterator[str]:
    """File and class names that say nothing of what is inside."""
    classes = [(node, node.name) for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
    named: list[tuple[ast.AST, str]] = [(source.tree, source.path.stem), *classes]
    for node, name in named:
        if any(BANNED_NAMES.fullmatch(word) for word in NAME_WORD.findall(name)):
            yield f"{source.at(node)}: the name {name}"


def rule_missing(source: Source) -> Iterator[str]:
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield f"{source.at(source.tree)}: no opening rule"


def imports_from_the_root(source: Source) -> Iterator[str]:
    """`import core` from a checkout loads a second copy of a module that `odradek.core` already is."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            head, *rest = name.split(".")
            if head in ("core", "sim", "specs") or (head == "io" and rest):
                yield f"{source.at(node)}: imports {name}, not odradek.{name}"


def imports_of_other_worlds(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        for name in names:
            if re.match(r"odradek\.(io|sim)\b", name):
                yield f"{source.at(node)}: imports {name}"


CORE_RULES = (banned_imports, banned_calls, sets_iterated, rule_missing, imports_of_other_worlds)
HOUSE_RULES = (long_functions, long_file, bare_excepts, unfinished, empty_names)


@pytest.mark.parametrize("rule", CORE_RULES, ids=lambda rule: rule.__name__)
def test_core_keeps_the_rule(rule):
    assert [wrong for source in sources("core") for wrong in rule(source)] == []


@pytest.mark.parametrize("rule", HOUSE_RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule):
    assert [wrong for source in sources(*FLOORS) for wrong in rule(source)] == []


def test_nobody_imports_the_folders_of_the_root():
    found = sources(*FLOORS, "tests", "specs")
    assert [wrong for source in found for wrong in imports_from_the_root(source)] == []


def test_nothing_is_left_unfinished_in_the_tests():
    tests = [source for source in sources("tests") if source.path != Path(__file__)]
    assert [wrong for source in tests for wrong in (*unfinished(source), *bare_excepts(source))] == []


def has_behaviour(tree):
    """Whether there is anything to test: a file of values and protocols alone has nothing that could be wrong."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    protocols = [node for node in classes if "Protocol" in map(ast.unparse, node.bases)]
    promised = [part for protocol in protocols for part in protocol.body]
    return any(isinstance(node, ast.FunctionDef) and node not in promised for node in ast.walk(tree))


def test_every_core_file_has_its_test_file():
    missing = []
    for source in sources("core"):
        if not has_behaviour(source.tree):
            continue
        path = source.path.relative_to(ROOT)
        expected = Path("tests") / path.with_name(f"test_{path.name}")
        if not (ROOT / COVERED_ELSEWHERE.get(str(path), expected)).exists():
            missing.append(f"{path}: no {expected}")
    assert missing == []


def test_a_file_is_covered_elsewhere_only_while_it_exists_and_has_no_test_file_of_its_own():
    own = {path: Path("tests") / Path(path).with_name(f"test_{Path(path).name}") for path in COVERED_ELSEWHERE}
    stale = [path for path in COVERED_ELSEWHERE if path not in DECLARATIONS and (ROOT / own[path]).exists()]
    assert stale == []
    assert [path for path in COVERED_ELSEWHERE if not (ROOT / path).exists()] == []


def test_the_package_under_test_is_never_the_current_directory():
    home = Path(odradek.core.types.__file__).resolve()
    installed = Path(sysconfig.get_path("purelib")).resolve()

    assert home.is_relative_to(installed) or (home.is_relative_to(ROOT) and os.environ.get("CI") != "true")
    assert str(ROOT) not in sys.path
    assert "" not in sys.path
    with pytest.raises(ModuleNotFoundError):
        import_module("core.types")


BAD = {
    banned_imports: [
        *("import time", "from os import path", "import os.x"),
        *("import random", "from random import choice", "import uuid", "from uuid import uuid4"),
    ],
    banned_calls: ["hash(x)", "id(x)", "print(1)", "open('f')", "Random()"],
    sets_iterated: [
        "for x in {1, 2}: pass",
        "[x for x in set(y)]",
        "def f(s: frozenset[int]):\n    return list(s)",
        "class A:\n    def f(self):\n        self.s: set[int] = set()\n        for x in self.s: pass",
        "a = set()\nb = [*a]",
        "a = {1}\nfor x in a | b: pass",
    ],
    rule_missing: ["x = 1"],
    imports_of_other_worlds: ["from odradek.io import disk", "import odradek.sim.world", "from odradek import io"],
    long_functions: ["def f():\n" + "    x = 1\n" * 71],
    long_file: ["x = 1\n" * 701],
    bare_excepts: ["try:\n    pass\nexcept:\n    pass"],
    unfinished: ["x = 1  # TO" + "DO later", "raise Not" + "ImplementedError"],
    empty_names: ["class ConnectionManager: pass", "class Misc: pass", "class HTTPHelper: pass"],
    imports_from_the_root: ["import core.types", "from core import types", "from io.disk import Disk"],
}
GOOD = {
    banned_imports: ["from random import Random", "from uuid import UUID", "from odradek.core.timers import Timers"],
    banned_calls: ["self.id()", "Random(seed)"],
    sets_iterated: ["for x in sorted({1, 2}): pass", "x in {1, 2}", "a = set()\nlen(a)", "for k in {1: 2}: pass"],
    empty_names: ["class Commonality: pass", "class CommitLedger: pass"],
    imports_from_the_root: ["import io", "from odradek.core import types"],
}


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in BAD.items() for text in texts])
def test_a_rule_bites(rule, text):
    assert list(rule(example(text))) != []


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in GOOD.items() for text in texts])
def test_a_rule_spares_the_innocent(rule, text):
    assert list(rule(example(text))) == []


def test_every_rule_is_shown_to_bite():
    assert {*CORE_RULES, *HOUSE_RULES, imports_from_the_root} == set(BAD)
