"""Write where a registered model came from as SageMaker's lineage."""

from dropforge.adapters import ledger, lineages, passports
from dropforge.domain.inputs import Traced
from dropforge.domain.measures import RunOver
from dropforge.task import task


@task
def handler(over: RunOver) -> Traced:
    run = ledger.run(over.detail.run_id)
    passport = passports.find(run.project, run.id, run.attempt) if run and run.model_arn else None
    if run is None or run.model_arn is None or passport is None:
        return Traced(run_id=over.detail.run_id)
    return Traced(run_id=run.id, model_arn=run.model_arn, written=lineages.write(passport, run.model_arn))
