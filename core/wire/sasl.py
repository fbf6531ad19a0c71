"""Logging in: SaslHandshake and SaslAuthenticate."""

from __future__ import annotations

from odradek.core.wire.schema import array, bytes_, int16, int64, message, string


@message(key=17, versions=(0, 1))
class SaslHandshakeRequest:
    """Choose a SASL mechanism."""

    mechanism: str = string()


@message(key=17, versions=(0, 1))
class SaslHandshakeResponse:
    """The mechanisms enabled here; also listed after success."""

    error_code: int = int16()
    mechanisms: tuple[str, ...] = array(string)


@message(key=36, versions=(0, 2), flexible=2)
class SaslAuthenticateRequest:
    """One token of the chosen mechanism's dialogue."""

    auth_bytes: bytes = bytes_()


@message(key=36, versions=(0, 2), flexible=2)
class SaslAuthenticateResponse:
    """The server's token, and how long the session lasts."""

    error_code: int = int16()
    error_message: str | None = string(nullable=True)
    auth_bytes: bytes = bytes_()
    session_lifetime_ms: int = int64(since=1, ignorable=True)
