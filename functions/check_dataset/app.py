"""Believe an upload whose every row was read, by this function or by CheckRange, or say on which line it cannot be believed."""

from dropforge.adapters import arrivals, datasets, ledger, timeline
from dropforge.domain.datasets import Dataset
from dropforge.domain.events import DatasetReady, DatasetRejected
from dropforge.domain.inputs import ToCheck
from dropforge.errors import InvalidInput
from dropforge.task import task


@task
def handler(to_check: ToCheck) -> Dataset:
    manifest = to_check.manifest
    try:
        dataset = datasets.believe(manifest)
    except InvalidInput as problem:
        arrivals.record(manifest, to_check.execution, "rejected", failure=problem.failure)
        rejected = DatasetRejected(project=manifest.project, key=manifest.upload.key, failure=problem.failure)
        timeline.tell_of_upload(manifest.upload, rejected)
        raise
    ledger.record_dataset(dataset)
    arrivals.record_ready(manifest, to_check.execution)
    timeline.tell_of_upload(
        manifest.upload,
        DatasetReady(
            project=dataset.project,
            dataset_id=dataset.id,
            digest=dataset.digest,
            rows=dataset.rows,
            report_uri=dataset.report_uri,
            warnings=dataset.warnings,
        ),
    )
    return dataset
