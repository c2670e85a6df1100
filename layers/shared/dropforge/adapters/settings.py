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
def bus() -> str:
    """The event bus we announce on."""
    return os.environ["EVENT_BUS"]


@cache
def machine_arn() -> str:
    """The state machine `dataset_to_model`."""
    return os.environ["MACHINE_ARN"]


@cache
def default_run() -> RunBlock:
    """The deployment's defaults below every run request."""
    parsed: RunBlock = json.loads(os.environ.get("DEFAULT_RUN") or "{}")
    return parsed
