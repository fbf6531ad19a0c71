"""The plan of one run as plain data: what a seed is turned into, and what shrinking edits.

Knows: the fields, and how they become JSON and come back.  Does not know: how they are drawn (`draw`), what they do.
Invariant: a run is a function of its plan alone; `from_json(to_json(plan)) == plan`.
"""

import json
from typing import Any

import attrs

Options = dict[str, Any]
"""Names to integers, strings, booleans or lists of them: whatever JSON keeps as it is."""


@attrs.frozen(kw_only=True)
class TopicPlan:
    """A topic made before the clients begin.  `config` are Kafka's topic settings."""

    name: str
    partitions: int
    config: dict[str, str]


@attrs.frozen(kw_only=True)
class NodePlan:
    """One machine.  `lives` are the settings and limits of its processes; each restart takes the next, over and over."""

    name: str
    lives: tuple["Life", ...]
    skew_ms: int = 0
    drift_ppm: int = 0


@attrs.frozen(kw_only=True)
class Life:
    """What one process of a node is started with."""

    config: dict[str, str]
    limits: dict[str, int]


@attrs.frozen(kw_only=True)
class ClientPlan:
    """One client: `kind` names its program in `clients`, `ops` is how much it does before it is finished."""

    name: str
    kind: str
    start_ms: int
    ops: int
    gap_ms: int
    options: Options


@attrs.frozen(kw_only=True)
class FaultPlan:
    """One fault, at simulated milliseconds `at_ms`, `on` a node's name (network faults: on the links to it)."""

    at_ms: int
    kind: str
    on: str
    options: Options


@attrs.frozen(kw_only=True)
class Plan:
    """Everything a run depends on.

    The safety phase lasts `safety_ms`; then faults stop and every client must finish within `liveness_ms`.  `beyond`:
    faults may break what the promise in force needs; then the demand is "detect and refuse, never wrong data".
    `off` are the fault kinds and client programs that the swarm left out of this seed.
    """

    seed: str
    beyond: bool
    safety_ms: int
    liveness_ms: int
    off: tuple[str, ...]
    nodes: tuple[NodePlan, ...]
    topics: tuple[TopicPlan, ...]
    clients: tuple[ClientPlan, ...]
    faults: tuple[FaultPlan, ...]
    net: Options
    disk: Options


def to_json(plan: Plan) -> str:
    """The plan for a file: sorted keys, one entry a line where it matters for reading a difference."""
    return json.dumps(attrs.asdict(plan), indent=1, sort_keys=True) + "\n"


def from_json(text: str) -> Plan:
    """The plan in a file.  Raises ValueError or TypeError for what is no plan."""
    data = json.loads(text)
    data["nodes"] = tuple(
        NodePlan(**{**node, "lives": tuple(Life(**life) for life in node["lives"])}) for node in data["nodes"]
    )
    data["topics"] = tuple(TopicPlan(**topic) for topic in data["topics"])
    data["clients"] = tuple(ClientPlan(**client) for client in data["clients"])
    data["faults"] = tuple(FaultPlan(**fault) for fault in data["faults"])
    data["off"] = tuple(data["off"])
    return Plan(**data)


def described(plan: Plan) -> list[str]:
    """The plan for a person: a few lines."""
    kinds: dict[str, int] = {}
    for fault in plan.faults:
        kinds[fault.kind] = kinds.get(fault.kind, 0) + 1
    lines = [
        f"seed {plan.seed}" + ("  BEYOND the fault budget: detect and refuse, never wrong data" if plan.beyond else ""),
        f"phases {plan.safety_ms / 1000:g} s with faults, then at most {plan.liveness_ms / 1000:g} s to finish",
        "off " + (" ".join(plan.off) or "nothing"),
        "net " + _options(plan.net),
        "disk " + _options(plan.disk),
    ]
    for node in plan.nodes:
        lines.append(f"node {node.name} skew {node.skew_ms} ms drift {node.drift_ppm} ppm, {len(node.lives)} lives")
        lines += [f"  life {_options({**life.config, **life.limits})}" for life in node.lives]
    lines += [f"topic {topic.name} x{topic.partitions} {_options(topic.config)}" for topic in plan.topics]
    for client in plan.clients:
        lines.append(
            f"client {client.name} {client.kind} from {client.start_ms} ms, {client.ops} ops every"
            f" {client.gap_ms} ms {_options(client.options)}"
        )
    lines.append(f"faults {len(plan.faults)}: " + " ".join(f"{kind}={n}" for kind, n in sorted(kinds.items())))
    return lines


def _options(options: Options) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(options.items()))
