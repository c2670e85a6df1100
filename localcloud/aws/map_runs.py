"""Repairs of distributed Maps: moto counts the items that failed and succeeds all the same, and has no name for a list it cannot read.

https://docs.aws.amazon.com/step-functions/latest/dg/maprun-fail-threshold.html. A threshold of zero counts as not given, because moto
keeps no difference; what is tolerated leaves null in the output, which that page neither says nor denies.
"""

from typing import Any

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from localcloud.aws.seams import Replacements

_MAP = "moto.stepfunctions.parser.asl.component.state.exec.state_map"


def install(replacements: Replacements) -> None:
    """Fail a Map whose list cannot be read, and one whose failures exceed what it tolerates."""

    def read(reader: Any, env: Any) -> None:
        try:
            original_read(reader, env)
        except FailureEventException:
            raise
        except Exception as error:  # the service's own errors, and what comes of a document that is no list
            raise failed(env, "States.ItemReaderFailed", str(error)) from error

    def run(component: Any, env: Any, eval_input: Any) -> None:
        original_run(component, env, eval_input)
        record = eval_input.map_run_record
        record.execution_counter.running.offset(-record.execution_counter.running.get())
        if _exceeds(record):
            cause = "The specified tolerated failure threshold was exceeded"
            raise failed(env, "States.ExceedToleratedFailureThreshold", cause)

    original_read = replacements.replace(f"{_MAP}.item_reader.item_reader_decl:ItemReader._eval_body", read)
    seam = f"{_MAP}.iteration.distributed_iteration_component:DistributedIterationComponent._map_run"
    original_run = replacements.replace(seam, run)


def _exceeds(record: Any) -> bool:
    counter, count, percentage = (
        record.item_counter,
        record.tolerated_failure_count,
        record.tolerated_failure_percentage,
    )
    failures = counter.failed.get() + counter.timed_out.get()
    if not count and not percentage:
        return bool(failures)
    too_many = count and failures > count
    too_often = percentage and 100 * failures > percentage * counter.total.get()
    return bool(too_many or too_often)


def failed(env: Any, name: str, cause: str) -> Exception:
    """An execution's failure under one of the names of the states language."""
    details = EventDetails(executionFailedEventDetails=ExecutionFailedEventDetails(error=name, cause=cause))
    event = FailureEvent(
        env=env,
        error_name=ErrorName(error_name=name),
        event_type=HistoryEventType.ExecutionFailed,
        event_details=details,
    )
    failure: Exception = FailureEventException(event)
    return failure
