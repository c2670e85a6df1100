"""Request approval of a registered model; the state's token is answered when somebody, or the project's policy, has decided."""

from dropforge.adapters import approvals, hearing
from dropforge.domain.approvals import Approval
from dropforge.domain.inputs import ToApprove
from dropforge.task import task


@task
def handler(to_approve: ToApprove) -> Approval:
    automatic = to_approve.plan.request.promotion.approval == "automatic"
    asked = approvals.ask(to_approve.run, to_approve.model, to_approve.token, automatic=automatic)
    return (
        hearing.hear(asked.model.arn) or asked
    )  # somebody may have decided in the registry before there was a request
