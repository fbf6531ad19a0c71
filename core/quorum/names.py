"""Which names a topic may have, and which topics are the broker's own.

Knows: Kafka's rules for names.  Does not know: which topics exist.
Invariant: a name that passes is ASCII without separators, so it can be shown and logged as it is.
"""

from typing import Final

NAME_CHARS_MAX: Final = 249

OFFSETS_TOPIC: Final = "__consumer_offsets"
METADATA_TOPIC: Final = "__cluster_metadata"
INTERNAL_TOPICS: Final = (OFFSETS_TOPIC, "__transaction_state", "__share_group_state")
"""Topics that belong to coordinators: told to clients as internal, and compacted."""

_ALLOWED: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def why_invalid(name: str) -> str | None:
    """What is wrong with a topic's name, for people; None if nothing is."""
    if not name:
        return "Topic name is invalid: the empty string is not allowed"
    if name in (".", ".."):
        return f"Topic name is invalid: '{name}' is not allowed"
    if len(name) > NAME_CHARS_MAX:
        return f"Topic name is invalid: the length of the name is {len(name)}, longer than {NAME_CHARS_MAX}"
    if not _ALLOWED.issuperset(name):
        return f"Topic name is invalid: {name!a} has characters other than ASCII letters, digits, '.', '_' and '-'"
    return None


def collides(name: str) -> bool:
    """Whether the name has a character that metrics cannot tell from another: '.' and '_' look alike there."""
    return "." in name or "_" in name


def unified(name: str) -> str:
    """The name as metrics know it: two names with the same one collide."""
    return name.replace(".", "_")
