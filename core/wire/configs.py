"""Settings: DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources.

Structs that Kafka names alike in several messages carry the message's name in front here: `AlterConfigsResource`,
`AlterConfigsResourceResponse`, `AlterableConfig`.
"""

from __future__ import annotations

from odradek.core.wire.schema import array, boolean, int8, int16, int32, message, string, struct


@struct
class DescribeConfigsResource:
    resource_type: int = int8()
    resource_name: str = string()
    configuration_keys: tuple[str, ...] | None = array(string, nullable=True)


@message(key=32, versions=(1, 4), flexible=4)
class DescribeConfigsRequest:
    """Ask for settings, with their sources and documentation."""

    resources: tuple[DescribeConfigsResource, ...] = array(DescribeConfigsResource)
    include_synonyms: bool = boolean()
    include_documentation: bool = boolean(since=3)


@struct
class DescribeConfigsSynonym:
    name: str = string()
    value: str | None = string(nullable=True)
    source: int = int8()


@struct
class DescribeConfigsResourceResult:
    name: str = string()
    value: str | None = string(nullable=True)
    read_only: bool = boolean()
    config_source: int = int8(default=-1)
    is_sensitive: bool = boolean()
    synonyms: tuple[DescribeConfigsSynonym, ...] = array(DescribeConfigsSynonym)
    config_type: int = int8(since=3, ignorable=True)
    documentation: str | None = string(since=3, nullable=True, ignorable=True)


@struct
class DescribeConfigsResult:
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    resource_type: int = int8()
    resource_name: str = string()
    configs: tuple[DescribeConfigsResourceResult, ...] = array(DescribeConfigsResourceResult)


@message(key=32, versions=(1, 4), flexible=4)
class DescribeConfigsResponse:
    """The settings of each resource."""

    throttle_time_ms: int = int32()
    results: tuple[DescribeConfigsResult, ...] = array(DescribeConfigsResult)


@struct
class AlterConfigsRequestAlterableConfig:
    name: str = string()
    value: str | None = string(nullable=True)


@struct
class AlterConfigsRequestAlterConfigsResource:
    resource_type: int = int8()
    resource_name: str = string()
    configs: tuple[AlterConfigsRequestAlterableConfig, ...] = array(AlterConfigsRequestAlterableConfig)


@message(key=33, versions=(0, 2), flexible=2)
class AlterConfigsRequest:
    """Replace all overridden settings of resources."""

    resources: tuple[AlterConfigsRequestAlterConfigsResource, ...] = array(AlterConfigsRequestAlterConfigsResource)
    validate_only: bool = boolean()


@struct
class AlterConfigsResponseAlterConfigsResourceResponse:
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    resource_type: int = int8()
    resource_name: str = string()


@message(key=33, versions=(0, 2), flexible=2)
class AlterConfigsResponse:
    """The outcome for each resource."""

    throttle_time_ms: int = int32()
    responses: tuple[AlterConfigsResponseAlterConfigsResourceResponse, ...] = array(
        AlterConfigsResponseAlterConfigsResourceResponse
    )


@struct
class IncrementalAlterConfigsRequestAlterableConfig:
    name: str = string()
    config_operation: int = int8()
    value: str | None = string(nullable=True)


@struct
class IncrementalAlterConfigsRequestAlterConfigsResource:
    resource_type: int = int8()
    resource_name: str = string()
    configs: tuple[IncrementalAlterConfigsRequestAlterableConfig, ...] = array(
        IncrementalAlterConfigsRequestAlterableConfig
    )


@message(key=44, versions=(0, 1), flexible=1)
class IncrementalAlterConfigsRequest:
    """Set, delete, append to or subtract from single settings (KIP-339)."""

    resources: tuple[IncrementalAlterConfigsRequestAlterConfigsResource, ...] = array(
        IncrementalAlterConfigsRequestAlterConfigsResource
    )
    validate_only: bool = boolean()


@struct
class IncrementalAlterConfigsResponseAlterConfigsResourceResponse:
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    resource_type: int = int8()
    resource_name: str = string()


@message(key=44, versions=(0, 1), flexible=1)
class IncrementalAlterConfigsResponse:
    """The outcome for each resource."""

    throttle_time_ms: int = int32()
    responses: tuple[IncrementalAlterConfigsResponseAlterConfigsResourceResponse, ...] = array(
        IncrementalAlterConfigsResponseAlterConfigsResourceResponse
    )


@message(key=74, versions=(0, 1), flexible=0)
class ListConfigResourcesRequest:
    """Ask for the names of resources that have settings (KIP-1142)."""

    resource_types: tuple[int, ...] = array(int8, since=1)


@struct
class ConfigResource:
    resource_name: str = string()
    resource_type: int = int8(since=1, default=16, ignorable=True)


@message(key=74, versions=(0, 1), flexible=0)
class ListConfigResourcesResponse:
    """The resources found."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    config_resources: tuple[ConfigResource, ...] = array(ConfigResource)
