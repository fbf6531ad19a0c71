"""Access control lists: DescribeAcls, CreateAcls and DeleteAcls."""

from __future__ import annotations

from odradek.core.wire.schema import array, int8, int16, int32, message, string, struct


@message(key=29, versions=(1, 3), flexible=2)
class DescribeAclsRequest:
    """Ask for the ACLs that match a filter."""

    resource_type_filter: int = int8()
    resource_name_filter: str | None = string(nullable=True)
    pattern_type_filter: int = int8(default=3)
    principal_filter: str | None = string(nullable=True)
    host_filter: str | None = string(nullable=True)
    operation: int = int8()
    permission_type: int = int8()


@struct
class AclDescription:
    principal: str = string()
    host: str = string()
    operation: int = int8()
    permission_type: int = int8()


@struct
class DescribeAclsResource:
    resource_type: int = int8()
    resource_name: str = string()
    pattern_type: int = int8(default=3)
    acls: tuple[AclDescription, ...] = array(AclDescription)


@message(key=29, versions=(1, 3), flexible=2)
class DescribeAclsResponse:
    """The matching ACLs, by resource."""

    throttle_time_ms: int = int32()
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    resources: tuple[DescribeAclsResource, ...] = array(DescribeAclsResource)


@struct
class AclCreation:
    resource_type: int = int8()
    resource_name: str = string()
    resource_pattern_type: int = int8(default=3)
    principal: str = string()
    host: str = string()
    operation: int = int8()
    permission_type: int = int8()


@message(key=30, versions=(1, 3), flexible=2)
class CreateAclsRequest:
    """Add ACLs."""

    creations: tuple[AclCreation, ...] = array(AclCreation)


@struct
class AclCreationResult:
    error_code: int = int16()
    error_message: str | None = string(nullable=True)


@message(key=30, versions=(1, 3), flexible=2)
class CreateAclsResponse:
    """The outcome for each ACL, in the order asked."""

    throttle_time_ms: int = int32()
    results: tuple[AclCreationResult, ...] = array(AclCreationResult)


@struct
class DeleteAclsFilter:
    resource_type_filter: int = int8()
    resource_name_filter: str | None = string(nullable=True)
    pattern_type_filter: int = int8(default=3)
    principal_filter: str | None = string(nullable=True)
    host_filter: str | None = string(nullable=True)
    operation: int = int8()
    permission_type: int = int8()


@message(key=31, versions=(1, 3), flexible=2)
class DeleteAclsRequest:
    """Remove the ACLs that match filters."""

    filters: tuple[DeleteAclsFilter, ...] = array(DeleteAclsFilter)


@struct
class DeleteAclsMatchingAcl:
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    resource_type: int = int8()
    resource_name: str = string()
    pattern_type: int = int8(default=3)
    principal: str = string()
    host: str = string()
    operation: int = int8()
    permission_type: int = int8()


@struct
class DeleteAclsFilterResult:
    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    matching_acls: tuple[DeleteAclsMatchingAcl, ...] = array(DeleteAclsMatchingAcl)


@message(key=31, versions=(1, 3), flexible=2)
class DeleteAclsResponse:
    """What each filter removed."""

    throttle_time_ms: int = int32()
    filter_results: tuple[DeleteAclsFilterResult, ...] = array(DeleteAclsFilterResult)
