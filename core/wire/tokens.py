"""Delegation tokens: create, renew, expire and describe."""

from __future__ import annotations

from odradek.core.wire.schema import array, bytes_, int16, int32, int64, message, string, struct


@struct
class CreatableRenewers:
    principal_type: str = string()
    principal_name: str = string()


@message(key=38, versions=(1, 3), flexible=2)
class CreateDelegationTokenRequest:
    """Create a delegation token."""

    owner_principal_type: str | None = string(since=3, nullable=True)
    owner_principal_name: str | None = string(since=3, nullable=True)
    renewers: tuple[CreatableRenewers, ...] = array(CreatableRenewers)
    max_lifetime_ms: int = int64()


@message(key=38, versions=(1, 3), flexible=2)
class CreateDelegationTokenResponse:
    """The token and its key."""

    error_code: int = int16()
    principal_type: str = string()
    principal_name: str = string()
    token_requester_principal_type: str = string(since=3)
    token_requester_principal_name: str = string(since=3)
    issue_timestamp_ms: int = int64()
    expiry_timestamp_ms: int = int64()
    max_timestamp_ms: int = int64()
    token_id: str = string()
    hmac: bytes = bytes_()
    throttle_time_ms: int = int32()


@message(key=39, versions=(1, 2), flexible=2)
class RenewDelegationTokenRequest:
    """Prolong a token's life."""

    hmac: bytes = bytes_()
    renew_period_ms: int = int64()


@message(key=39, versions=(1, 2), flexible=2)
class RenewDelegationTokenResponse:
    """The new time of expiry."""

    error_code: int = int16()
    expiry_timestamp_ms: int = int64()
    throttle_time_ms: int = int32()


@message(key=40, versions=(1, 2), flexible=2)
class ExpireDelegationTokenRequest:
    """End a token's life, now or later."""

    hmac: bytes = bytes_()
    expiry_time_period_ms: int = int64()


@message(key=40, versions=(1, 2), flexible=2)
class ExpireDelegationTokenResponse:
    """The new time of expiry."""

    error_code: int = int16()
    expiry_timestamp_ms: int = int64()
    throttle_time_ms: int = int32()


@struct
class DescribeDelegationTokenOwner:
    principal_type: str = string()
    principal_name: str = string()


@message(key=41, versions=(1, 3), flexible=2)
class DescribeDelegationTokenRequest:
    """Ask for the tokens of owners."""

    owners: tuple[DescribeDelegationTokenOwner, ...] | None = array(DescribeDelegationTokenOwner, nullable=True)


@struct
class DescribedDelegationTokenRenewer:
    principal_type: str = string()
    principal_name: str = string()


@struct
class DescribedDelegationToken:
    principal_type: str = string()
    principal_name: str = string()
    token_requester_principal_type: str = string(since=3)
    token_requester_principal_name: str = string(since=3)
    issue_timestamp: int = int64()
    expiry_timestamp: int = int64()
    max_timestamp: int = int64()
    token_id: str = string()
    hmac: bytes = bytes_()
    renewers: tuple[DescribedDelegationTokenRenewer, ...] = array(DescribedDelegationTokenRenewer)


@message(key=41, versions=(1, 3), flexible=2)
class DescribeDelegationTokenResponse:
    """The tokens found."""

    error_code: int = int16()
    tokens: tuple[DescribedDelegationToken, ...] = array(DescribedDelegationToken)
    throttle_time_ms: int = int32()
