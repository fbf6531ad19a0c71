"""Client quotas: DescribeClientQuotas and AlterClientQuotas.

Structs that Kafka names alike in several messages carry the message's name in front here: `EntityData`, `EntryData`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, float64, int8, int16, int32, message, string, struct


@struct
class ComponentData:
    entity_type: str = string()
    match_type: int = int8()
    match: str | None = string(nullable=True)


@message(key=48, versions=(0, 1), flexible=1)
class DescribeClientQuotasRequest:
    """Ask for the quotas that match a filter."""

    components: tuple[ComponentData, ...] = array(ComponentData)
    strict: bool = boolean()


@struct
class DescribeClientQuotasResponseEntityData:
    entity_type: str = string()
    entity_name: str | None = string(nullable=True)


@struct
class ValueData:
    key: str = string()
    value: float = float64()


@struct
class DescribeClientQuotasResponseEntryData:
    entity: tuple[DescribeClientQuotasResponseEntityData, ...] = array(DescribeClientQuotasResponseEntityData)
    values: tuple[ValueData, ...] = array(ValueData)


@message(key=48, versions=(0, 1), flexible=1)
class DescribeClientQuotasResponse:
    """The matching quotas."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    entries: tuple[DescribeClientQuotasResponseEntryData, ...] | None = array(
        DescribeClientQuotasResponseEntryData, nullable=True
    )


@struct
class AlterClientQuotasRequestEntityData:
    entity_type: str = string()
    entity_name: str | None = string(nullable=True)


@struct
class OpData:
    key: str = string()
    value: float = float64()
    remove: bool = boolean()


@struct
class AlterClientQuotasRequestEntryData:
    entity: tuple[AlterClientQuotasRequestEntityData, ...] = array(AlterClientQuotasRequestEntityData)
    ops: tuple[OpData, ...] = array(OpData)


@message(key=49, versions=(0, 1), flexible=1)
class AlterClientQuotasRequest:
    """Set or remove quotas."""

    entries: tuple[AlterClientQuotasRequestEntryData, ...] = array(AlterClientQuotasRequestEntryData)
    validate_only: bool = boolean()


@struct
class AlterClientQuotasResponseEntityData:
    entity_type: str = string()
    entity_name: str | None = string(nullable=True)


@struct
class AlterClientQuotasResponseEntryData:
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    entity: tuple[AlterClientQuotasResponseEntityData, ...] = array(AlterClientQuotasResponseEntityData)


@message(key=49, versions=(0, 1), flexible=1)
class AlterClientQuotasResponse:
    """The outcome for each entity."""

    throttle_time_ms: int = int32()
    entries: tuple[AlterClientQuotasResponseEntryData, ...] = array(AlterClientQuotasResponseEntryData)
