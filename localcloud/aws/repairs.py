"""Every repair of moto in one place, in the order in which they build on each other."""

from collections.abc import Callable
from typing import Any

from localcloud.aws import (
    checksums,
    cloudformation,
    events,
    interpreter,
    map_runs,
    policies,
    queues,
    sdk_tasks,
    shortcuts,
    stepfunctions,
    storage_events,
    transactions,
    triggers,
)
from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier
from localcloud.aws.seams import Replacements


def install(
    replacements: Replacements,
    clock: Clock,
    client: Callable[[str], Any],
    courier: Courier,
    announce: stepfunctions.Announce,
) -> None:
    """Apply them; `client` gives boto3 clients of the local cloud."""
    interpreter.install(replacements, clock, client)
    map_runs.install(replacements)
    sdk_tasks.install(replacements)
    transactions.install(replacements)
    stepfunctions.install(replacements, announce)
    events.install(replacements, courier)
    storage_events.install(replacements)
    checksums.install(replacements)
    shortcuts.install(replacements)
    triggers.install(replacements, courier, clock)
    queues.install(replacements)
    policies.install(replacements)
    cloudformation.install(replacements, client)
