"""EventBridge rules that deliver, S3 events with identities, and schedules that fire.

moto matches patterns and stores targets; delivery to functions, machines and topics, and everything that fires by time, is added here.
"""

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.events.models import events_backends
from moto.scheduler.models import scheduler_backends

from localcloud.aws import schedules
from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier, Delivery
from localcloud.aws.inputs import target_input
from localcloud.aws.seams import Replacements

_TICK_SECONDS = 0.05
_EVENTS = "moto.events.models"
_SCHEDULER = "moto.scheduler.models:EventBridgeSchedulerBackend"


def install(replacements: Replacements, courier: Courier) -> None:
    """Let rules deliver through `courier` and refuse targets and schedules that could not be honoured."""

    def send(rule: Any, original_event: dict[str, Any], transform_input: bool = True) -> None:
        event = _as_delivered(original_event)
        if rule.state == "ENABLED" and rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event):
            for target in list(rule.targets):
                courier.send(_delivery(rule, target, event))

    def put_targets(rule: Any, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            _require_supported(courier, target["Arn"])
        original_put_targets(rule, targets)

    replacements.replace(f"{_EVENTS}:Rule.send_to_targets", send)
    original_put_targets = replacements.replace(f"{_EVENTS}:Rule.put_targets", put_targets)
    _check_schedules(replacements, courier)


def _as_delivered(event: dict[str, Any]) -> dict[str, Any]:
    """An event as targets see it: ISO time, without moto's own fields."""
    time = event["time"]
    moment = time if isinstance(time, str) else datetime.fromtimestamp(float(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**{name: value for name, value in event.items() if name != "ingestion-time"}, "time": moment}


def _delivery(rule: Any, target: dict[str, Any], event: dict[str, Any]) -> Delivery:
    return Delivery(target, target_input(target, event, rule.arn), {"RULE_ARN": rule.arn}, event)


def _require_supported(courier: Courier, arn: str) -> None:
    if not courier.supports(arn):
        raise JsonRESTError("ValidationException", f"the local cloud cannot deliver to {arn}")


def announce(event: dict[str, Any]) -> None:
    """Offer an event of an AWS service to the rules of the default bus of its account."""
    for rule in list(events_backends[event["account"]][event["region"]].event_buses["default"].rules.values()):
        rule.send_to_targets(event)


def new_event(
    source: str, kind: str, detail: dict[str, Any], resources: list[str], account: str, region: str
) -> dict[str, Any]:
    """An event with a fresh id and the current time."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": account,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def _check_schedules(replacements: Replacements, courier: Courier) -> None:
    def put_rule(backend: Any, *arguments: Any, **options: Any) -> Any:
        if options.get("scheduled_expression"):
            _require_readable(options["scheduled_expression"])
        return original_put_rule(backend, *arguments, **options)

    def checked(original: Callable[..., Any]) -> Callable[..., Any]:
        def write(backend: Any, *arguments: Any, **options: Any) -> Any:
            _require_readable(options["schedule_expression"])
            _require_supported(courier, options["target"]["Arn"])
            return original(backend, *arguments, **options)

        return write

    original_put_rule = replacements.replace(f"{_EVENTS}:EventsBackend.put_rule", put_rule)
    for name in ("create_schedule", "update_schedule"):
        seam = f"{_SCHEDULER}.{name}"
        replacements.replace(seam, checked(replacements.original(seam)))


def _require_readable(expression: str) -> None:
    try:
        schedules.parse(expression)
    except ValueError as error:
        raise JsonRESTError("ValidationException", f"Parameter ScheduleExpression is not valid: {error}") from error


@dataclass(frozen=True)
class _Timed:
    """A rule or schedule that fires by time."""

    arn: str
    name: str
    expression: str
    enabled: bool
    deliveries: Callable[[], list[Delivery]]


class Ticker:
    """Fires schedules when they are due in cloud time. One that became due several times since the last look fires once.

    One whose target is still busy with the tick before is left out: at a high speed on a slow machine ticks would pile up and keep events waiting.
    """

    def __init__(self, courier: Courier, clock: Clock) -> None:
        self._courier = courier
        self._clock = clock
        self._due: dict[tuple[str, str], datetime | None] = {}
        self._thread = threading.Thread(target=self._run, name="localcloud-ticker", daemon=True)

    def start(self) -> None:
        """Begin to look for due schedules."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the ticker has noticed that its clock is closed."""
        self._thread.join()

    def _run(self) -> None:
        wake = threading.Event()
        while not self._clock.closed:
            for timed in _all_timed():
                self._consider(timed)
            wake.wait(_TICK_SECONDS)

    def _consider(self, timed: _Timed) -> None:
        key, now = (timed.arn, timed.expression), self._clock.now()
        schedule = schedules.parse(timed.expression)
        due = self._due.setdefault(key, schedule.after(now))
        if due is None or due > now:
            return
        self._due[key] = schedule.after(now)
        if timed.enabled:
            self._fire(timed, leave_out_busy=True)

    def _fire(self, timed: _Timed, *, leave_out_busy: bool = False) -> None:
        for delivery in timed.deliveries():
            if not (leave_out_busy and self._courier.is_busy(delivery.target["Arn"])):
                self._courier.send(delivery)

    def forget(self) -> None:
        """Look anew when schedules are due, after the date went back. What fires only once and has fired is done with."""
        self._due = {key: due for key, due in self._due.items() if due is None}

    def fire(self, name: str) -> None:
        """Fire a rule or schedule now, by its physical name, whatever its state; KeyError when there is none."""
        found = [timed for timed in _all_timed() if timed.name == name]
        if not found:
            raise KeyError(f"no rule or schedule fires by time under the name {name}")
        self._fire(found[0])


def _all_timed() -> list[_Timed]:
    return [*_timed_rules(), *_timed_schedules()]


def _timed_rules() -> list[_Timed]:
    backends = [backend for account in list(events_backends.values()) for backend in list(account.values())]
    buses = [bus for backend in backends for bus in list(backend.event_buses.values())]
    rules = [rule for bus in buses for rule in list(bus.rules.values()) if rule.scheduled_expression]
    return [_timed_rule(rule) for rule in rules]


def _timed_rule(rule: Any) -> _Timed:
    def deliveries() -> list[Delivery]:
        event = new_event("aws.events", "Scheduled Event", {}, [rule.arn], rule.account_id, rule.region_name)
        return [_delivery(rule, target, event) for target in list(rule.targets)]

    return _Timed(rule.arn, rule.name, rule.scheduled_expression, rule.state == "ENABLED", deliveries)


def _timed_schedules() -> list[_Timed]:
    backends = [backend for account in list(scheduler_backends.values()) for backend in list(account.values())]
    groups = [group for backend in backends for group in list(backend.schedule_groups.values())]
    return [_timed_schedule(schedule) for group in groups for schedule in list(group.schedules.values())]


def _timed_schedule(schedule: Any) -> _Timed:
    def deliveries() -> list[Delivery]:
        account, region = schedule.arn.split(":")[4], schedule.arn.split(":")[3]
        event = new_event("aws.scheduler", "Scheduled Event", {}, [schedule.arn], account, region)
        body = schedule.target.get("Input") or json.dumps({**event, "detail": "{}"})
        return [Delivery(schedule.target, body, {"SCHEDULE_ARN": schedule.arn})]

    return _Timed(schedule.arn, schedule.name, schedule.schedule_expression, schedule.state != "DISABLED", deliveries)
