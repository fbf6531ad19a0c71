"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs: settings of topics and of this broker.

Knows: how the controller's answers become responses.  Does not know: which settings exist (`configs`).
Invariant: a change is answered as made only after it is committed and in force.
"""

from odradek.core.broker import Broker
from odradek.core.errors import ErrorCode
from odradek.core.machine import Out
from odradek.core.quorum.settings import Altered
from odradek.core.requests.topics import settle
from odradek.core.session import Call
from odradek.core.types import Now
from odradek.core.wire.configs import (
    AlterConfigsRequest,
    AlterConfigsResponse,
    AlterConfigsResponseAlterConfigsResourceResponse,
    DescribeConfigsRequest,
    DescribeConfigsResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    IncrementalAlterConfigsResponseAlterConfigsResourceResponse,
)


def describe(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer a DescribeConfigs request (key 32)."""
    body: DescribeConfigsRequest = call.body
    results = broker.controller.describe_configs(body.resources, body.include_synonyms, body.include_documentation)
    broker.reply(call, DescribeConfigsResponse(results=results), out)


def alter(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer an AlterConfigs request (key 33)."""
    body: AlterConfigsRequest = call.body
    settle(broker, call, broker.controller.alter_configs(body.resources, body.validate_only), _altered, now, out)


def _altered(broker: Broker, call: Call, results: tuple[Altered, ...], code: ErrorCode | None, out: Out) -> None:
    responses = tuple(
        AlterConfigsResponseAlterConfigsResourceResponse(**_told(result, code)._asdict()) for result in results
    )
    broker.reply(call, AlterConfigsResponse(responses=responses), out)


def incremental_alter(broker: Broker, call: Call, now: Now, out: Out) -> None:
    """Answer an IncrementalAlterConfigs request (key 44)."""
    body: IncrementalAlterConfigsRequest = call.body
    decision = broker.controller.incremental_alter_configs(body.resources, body.validate_only)
    settle(broker, call, decision, _changed, now, out)


def _changed(broker: Broker, call: Call, results: tuple[Altered, ...], code: ErrorCode | None, out: Out) -> None:
    responses = tuple(
        IncrementalAlterConfigsResponseAlterConfigsResourceResponse(**_told(result, code)._asdict())
        for result in results
    )
    broker.reply(call, IncrementalAlterConfigsResponse(responses=responses), out)


def _told(result: Altered, code: ErrorCode | None) -> Altered:
    return result if code is None or result.error_code else result._replace(error_code=code)
