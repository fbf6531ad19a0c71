"""What can go wrong for a client, as exceptions whose text is ready to be shown.

Knows: Kafka's error codes, which of them pass by themselves, and what a person can do about the others.  Does not know:
sockets, requests.
Invariant: the text of a `ClientError` is one line.
"""

from odradek.core.errors import ErrorCode

RETRIABLE = frozenset(
    {
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.REPLICA_NOT_AVAILABLE,
        ErrorCode.NETWORK_EXCEPTION,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.NOT_ENOUGH_REPLICAS,
        ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ErrorCode.NOT_CONTROLLER,
        ErrorCode.CONCURRENT_TRANSACTIONS,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.LISTENER_NOT_FOUND,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.OFFSET_NOT_AVAILABLE,
        ErrorCode.UNSTABLE_OFFSET_COMMIT,
        ErrorCode.THROTTLING_QUOTA_EXCEEDED,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.INCONSISTENT_TOPIC_ID,
    }
)
"""Kafka's RetriableException and its children, as far as this client can meet them."""

ADVICE = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: "it does not exist: `odradek topic list` shows what does",
    ErrorCode.TOPIC_ALREADY_EXISTS: "it exists already: --if-not-exists makes that no error",
    ErrorCode.MESSAGE_TOO_LARGE: "a record is larger than the topic's max.message.bytes: raise that with "
    "`odradek topic alter TOPIC -c max.message.bytes=N`",
    ErrorCode.NON_EMPTY_GROUP: "the group has members: stop its consumers first",
    ErrorCode.GROUP_ID_NOT_FOUND: "there is no such group: `odradek group list` shows those there are",
    ErrorCode.UNKNOWN_MEMBER_ID: "the group has members: stop its consumers first",
    ErrorCode.TOPIC_DELETION_DISABLED: "the broker has delete.topic.enable=false",
    ErrorCode.SASL_AUTHENTICATION_FAILED: "the broker wants a login, which this command does not have yet",
    ErrorCode.INVALID_REPLICATION_FACTOR: "there are not that many brokers: use a smaller -r",
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL: "the other members use another assignment strategy than 'range'",
    ErrorCode.UNSUPPORTED_VERSION: "the broker does not support that",
    ErrorCode.INVALID_GROUP_ID: "a group's name cannot be empty",
}


class ClientError(Exception):
    """Something did not work; the text says what and what to do.  `retriable`: trying again may help."""

    retriable = False


class Unreachable(ClientError):
    """No connection, or it broke, or no answer came in time."""

    def __init__(self, text: str, *, retriable: bool = True) -> None:
        super().__init__(text)
        self.retriable = retriable


class Unsupported(ClientError):
    """The broker has no version of an API in common with this client."""


class Garbled(ClientError):
    """The peer answered with what is no answer: most likely it is no Kafka broker, or wants TLS."""


class ServerError(ClientError):
    """The broker answered with an error code."""

    def __init__(self, code: int, what: str, message: str | None = None) -> None:
        self.code = code_of(code)
        self.what = what
        self.retriable = self.code in RETRIABLE
        why = " ".join((message or ADVICE.get(self.code) or "").split())
        if message and self.code in (ErrorCode.TOPIC_ALREADY_EXISTS, ErrorCode.NON_EMPTY_GROUP):
            why = ADVICE[self.code]
        name = self.code.name if self.code == code else f"error code {code}"
        super().__init__(f"{what}: {why} ({name})" if why else f"{what}: {name}")


def code_of(number: int) -> ErrorCode:
    """The error code of a number; codes nobody knows yet are UNKNOWN_SERVER_ERROR."""
    try:
        return ErrorCode(number)
    except ValueError:
        return ErrorCode.UNKNOWN_SERVER_ERROR


def check(code: int, what: str, message: str | None = None) -> None:
    """Raise `ServerError` unless the code is NONE.  `what` is what was asked for, as a person would say it."""
    if code != ErrorCode.NONE:
        raise ServerError(code, what, message)
