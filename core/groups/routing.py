"""Which shard a group lives in.

Knows: the hash that every Kafka tool computes.  Does not know: where the shard is led.
Invariant: equal to Kafka's `toPositive(groupId.hashCode()) % n`, so that lag monitors find a group where they look.
"""


def java_hash(text: str) -> int:
    """Java's `String.hashCode` over UTF-16 units, as its 32 bits read without a sign."""
    units = text.encode("utf-16-be", "surrogatepass")
    value = 0
    for at in range(0, len(units), 2):
        value = (31 * value + (units[at] << 8 | units[at + 1])) & 0xFFFFFFFF
    return value


def shard_of(group_id: str, shards: int) -> int:
    """The partition of `__consumer_offsets` that holds this group.  `shards` >= 1 is the topic's partition count.

    Kafka makes the hash positive by masking the sign bit, not by its absolute value.
    """
    assert shards >= 1
    return (java_hash(group_id) & 0x7FFFFFFF) % shards
