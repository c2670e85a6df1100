"""Admit a run: claim its attempt, or join the execution that holds it already."""

from dropforge.adapters import admissions, timeline
from dropforge.domain.events import RunAdmitted
from dropforge.domain.inputs import ToAdmit
from dropforge.domain.runs import Admission
from dropforge.domain.terms import terms_of
from dropforge.task import task


@task
def handler(to_admit: ToAdmit) -> Admission:
    admission = admissions.claim(to_admit.plan, to_admit.dataset, to_admit.execution)
    run = admission.run
    if not admission.joined:
        admitted = RunAdmitted(
            project=run.project,
            run_id=run.id,
            attempt=run.attempt,
            execution=to_admit.execution,
            checkpoint_uri=admission.checkpoint.uri if admission.checkpoint else None,
            terms=terms_of(to_admit.plan),
        )
        timeline.tell_of_run(run.id, admitted)
    return admission
