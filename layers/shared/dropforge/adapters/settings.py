"""What the deployment tells a function, read from the environment: the only module besides the AWS SDK that reads it."""

import json
import os
from functools import cache

from dropforge.domain.uploads import RunBlock


@cache
def environment() -> str:
    """The deployment's name, e.g. `dev`."""
    return os.environ["ENVIRONMENT"]


@cache
def table() -> str:
    """The ledger's table."""
    return os.environ["LEDGER_TABLE"]


@cache
def models_bucket() -> str:
    """The bucket of promoted checkpoints and logs."""
    return os.environ["MODELS_BUCKET"]


@cache
def datasets_bucket() -> str:
    """The bucket of uploads."""
    return os.environ["DATASETS_BUCKET"]


@cache
def check_range_bytes() -> int:
    """How many bytes of an upload one function reads."""
    return int(os.environ["CHECK_RANGE_BYTES"])


@cache
def bus() -> str:
    """The event bus we announce on."""
    return os.environ["EVENT_BUS"]


@cache
def machine_arn() -> str:
    """The state machine `dataset_to_model`."""
    return os.environ["MACHINE_ARN"]


@cache
def dead_letters() -> str:
    """The URL of the queue of events that nobody could work on."""
    return os.environ["DEAD_LETTERS"]


@cache
def watch_seconds() -> int:
    """How long one look of the watcher may take."""
    return int(os.environ.get("WATCH_SECONDS", "120"))


@cache
def sweep_after_seconds() -> int:
    """How old something must be before the sweep takes it for lost."""
    return int(os.environ.get("SWEEP_AFTER_SECONDS", "300"))


@cache
def function_name() -> str:
    """The deployed name of this function, as Lambda gives it."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "dropforge")


@cache
def default_run() -> RunBlock:
    """The deployment's defaults below every run request."""
    parsed: RunBlock = json.loads(os.environ.get("DEFAULT_RUN") or "{}")
    return parsed
