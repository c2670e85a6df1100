"""Read every row of an upload and believe it, or say on which line it cannot be believed."""

from dropforge.adapters import arrivals, bus, ledger, readings
from dropforge.domain.datasets import Dataset
from dropforge.domain.events import DatasetReady, DatasetRejected
from dropforge.domain.inputs import ToCheck
from dropforge.errors import InvalidInput
from dropforge.task import task


@task
def handler(to_check: ToCheck) -> Dataset:
    manifest = to_check.manifest
    try:
        dataset = readings.read(manifest)
    except InvalidInput as problem:
        arrivals.record(manifest, to_check.execution, "rejected", failure=problem.failure)
        bus.announce(DatasetRejected(project=manifest.project, key=manifest.upload.key, failure=problem.failure))
        raise
    ledger.record_dataset(dataset)
    arrivals.record(manifest, to_check.execution, "ready")
    bus.announce(
        DatasetReady(
            project=dataset.project,
            dataset_id=dataset.id,
            digest=dataset.digest,
            rows=dataset.rows,
            report_uri=dataset.report_uri,
        )
    )
    return dataset
