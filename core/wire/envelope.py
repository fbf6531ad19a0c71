"""Requests forwarded to the controller: Envelope."""

from __future__ import annotations

from odradek.core.wire.schema import bytes_, int16, message


@message(key=58, versions=(0, 0), flexible=0)
class EnvelopeRequest:
    """A request of a client, wrapped by the broker that forwards it."""

    request_data: bytes = bytes_()
    request_principal: bytes | None = bytes_(nullable=True)
    client_host_address: bytes = bytes_()


@message(key=58, versions=(0, 0), flexible=0)
class EnvelopeResponse:
    """The controller's answer, wrapped."""

    response_data: bytes | None = bytes_(default=None, nullable=True)
    error_code: int = int16()
