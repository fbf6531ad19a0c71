"""CreateTopics, DeleteTopics, CreatePartitions: answered when what they decided can be used.

Knows: how a decision of the controller becomes an answer.  Does not know: the rules of decisions (`quorum`).
Invariant: a success is answered after its records are committed and published, never before.
"""

from collections.abc import Callable
from typing import Any

from odradek.core.broker import Broker
from odradek.core.errors import ErrorCode, Refused
from odradek.core.machine import Out
from odradek.core.quorum.view import Decision
from odradek.core.session import Call
from odradek.core.types import Now
from odradek.core.wire.topics import (
    CreatableTopicResult,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)

Answer = Callable[[Broker, Call, Any, ErrorCode | None, Out], None]
"""A function of a module: gives the answer to a call from the decision's reply, or from the error in its place."""


class Deciding:
    """A request that waits for its decision to be committed."""

    __slots__ = ("answer", "broker", "call", "reply")

    def __init__(self, broker: Broker, call: Call, answer: Answer, reply: Any) -> None:
        self.broker = broker
        self.call = call
        self.answer = answer
        self.reply = reply

    def committed(self, now: Now, out: Out) -> None:
        """The decision holds."""
        self.answer(self.broker, self.call, self.reply, None, out)

    def failed(self, code: ErrorCode, out: Out) -> None:
        """The decision was lost."""
        self.answer(self.broker, self.call, self.reply, code, out)


def settle(broker: Broker, call: Call, decision: Decision[Any], answer: Answer, now: Now, out: Out) -> None:
    """Write a decision down, and answer the call once it is committed."""
    deciding = Deciding(broker, call, answer, decision.reply)
    try:
        broker.metadata.propose(decision.records, deciding, now, out)
    except Refused as refused:
        deciding.failed(refused.code, out)


def create_topics(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a CreateTopics request (key 19)."""
    body: CreateTopicsRequest = call.body
    settle(broker, call, broker.controller.create_topics(body.topics, body.validate_only), _created, now, out)


def _created(
    broker: Broker, call: Call, results: tuple[CreatableTopicResult, ...], code: ErrorCode | None, out: Out
) -> None:
    if code is not None:
        results = tuple(
            result
            if result.error_code
            else CreatableTopicResult(name=result.name, error_code=code, error_message=None, configs=())
            for result in results
        )
    broker.reply(call, CreateTopicsResponse(topics=results), out)


def delete_topics(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DeleteTopics request (key 20)."""
    body: DeleteTopicsRequest = call.body
    wanted = body.topics if call.version >= 6 else tuple(DeleteTopicState(name=name) for name in body.topic_names)
    settle(broker, call, broker.controller.delete_topics(wanted), _deleted, now, out)


def _deleted(
    broker: Broker, call: Call, results: tuple[DeletableTopicResult, ...], code: ErrorCode | None, out: Out
) -> None:
    if code is not None:
        results = tuple(
            result
            if result.error_code
            else DeletableTopicResult(name=result.name, topic_id=result.topic_id, error_code=code)
            for result in results
        )
    broker.reply(call, DeleteTopicsResponse(responses=results), out)


def create_partitions(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a CreatePartitions request (key 37)."""
    body: CreatePartitionsRequest = call.body
    settle(broker, call, broker.controller.create_partitions(body.topics, body.validate_only), _grown, now, out)


def _grown(
    broker: Broker, call: Call, results: tuple[CreatePartitionsTopicResult, ...], code: ErrorCode | None, out: Out
) -> None:
    if code is not None:
        results = tuple(
            result if result.error_code else CreatePartitionsTopicResult(name=result.name, error_code=code)
            for result in results
        )
    broker.reply(call, CreatePartitionsResponse(results=results), out)


Resume = Callable[[Broker, Call, dict[str, ErrorCode], Out], None]
"""A function of a module: goes on with a call once topics were created, with the errors of those that were not."""


class Creating:
    """A request that goes on once the topics it needs are there."""

    __slots__ = ("broker", "call", "results", "resume")

    def __init__(self, broker: Broker, call: Call, results: tuple[CreatableTopicResult, ...], resume: Resume) -> None:
        self.broker = broker
        self.call = call
        self.results = results
        self.resume = resume

    def committed(self, now: Now, out: Out) -> None:
        """The topics can be used."""
        errors = {result.name: ErrorCode(result.error_code) for result in self.results if result.error_code}
        self.resume(self.broker, self.call, errors, out)

    def failed(self, code: ErrorCode, out: Out) -> None:
        """The topics were not created."""
        self.resume(self.broker, self.call, {result.name: code for result in self.results}, out)


def create_missing(broker: Broker, call: Call, names: list[str], resume: Resume, now: Now, out: Out) -> None:
    """Create topics because they were asked for, then go on with the call."""
    decision = broker.controller.auto_create(names)
    creating = Creating(broker, call, decision.reply, resume)
    try:
        broker.metadata.propose(decision.records, creating, now, out)
    except Refused as refused:
        creating.failed(refused.code, out)
    else:
        out.note("topics created because they were asked for", count=len(names))
