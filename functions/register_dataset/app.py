"""Register what an upload claims to hold: its files by version, before any of them is read."""

from dropforge.adapters import arrivals
from dropforge.domain.datasets import Manifest, check_sizes
from dropforge.domain.inputs import Started
from dropforge.task import task


@task
def handler(started: Started) -> Manifest:
    manifest = arrivals.read_manifest(started.upload, started.run)
    arrivals.record(manifest, started.execution, "checking")
    check_sizes(manifest.files)
    return manifest
