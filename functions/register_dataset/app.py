"""Register what an upload claims to hold: its files by version, before any of them is read."""

from dropforge.adapters import arrivals
from dropforge.domain.datasets import Manifest
from dropforge.domain.inputs import Started
from dropforge.domain.uploads import read_start
from dropforge.task import task


@task
def handler(started: Started) -> Manifest:
    manifest = arrivals.read_manifest(read_start(started.input))
    arrivals.record(manifest, started.execution, "checking")
    return manifest
