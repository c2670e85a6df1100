"""A deployment as people use it from Python: the verbs and values of the command line, for notebooks and scripts.

    from dropforge.client import Client

    dropped = Client().drop("train.jsonl", project="zoo", dataset="birds")
    journey = Client().wait(dropped.execution)

It holds no rights on the ledger, on task tokens or on clusters: it uploads to S3, asks `describe_run`, and sends signed orders to the functions
that act for people. A no is the exception `Refused`, whose `failure` says what, why, whose move it is and what to do.
"""

from dropforge.client.deployment import Client, Dropped, Log
from dropforge.client.refusals import Refused
from dropforge.domain.previews import Preview

__all__ = ["Client", "Dropped", "Log", "Preview", "Refused"]
