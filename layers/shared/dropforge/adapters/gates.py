"""Judging a verified checkpoint: the numbers that the ledger has of it, and evidence in S3 where it does not pass."""

from dropforge.adapters import incumbents, ledger, settings, storage, timeline
from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.events import ModelEvaluated
from dropforge.domain.gates import judge, objection, quarantine_key
from dropforge.domain.plans import Plan
from dropforge.domain.runs import Run
from dropforge.domain.verdicts import Verdict


def pass_or_quarantine(plan: Plan, run: Run, checkpoint: Checkpoint) -> Verdict:
    """Return the verdict on a checkpoint that passes. Raises WorkloadFailed (GateNotMet, GateNumberMissing) for one that does not.

    Nothing is deleted and nothing is registered; the same numbers and the same gate write the same evidence again.
    """
    verified = ledger.verified(run.id)
    own = verified if verified is not None and verified.checkpoint.digest == checkpoint.digest else None
    evaluation, chosen = (own.evaluation, own.incumbent) if own else (None, None)
    incumbent = chosen if chosen is not None and incumbents.still_approved(chosen) else None
    verdict = judge(plan.request.evaluation, plan.measures, evaluation, incumbent, checkpoint.digest)
    if not verdict.passed:
        verdict = verdict.model_copy(update={"evidence_uri": _quarantine(run, checkpoint, verdict)})
    timeline.tell_of_run(run.id, _told(run, verdict))
    if not verdict.passed:
        raise objection(verdict)
    return verdict


def _quarantine(run: Run, checkpoint: Checkpoint, verdict: Verdict) -> str:
    key = quarantine_key(run.project, run.id, run.attempt)
    who = {"project": run.project, "run": run.id, "attempt": run.attempt}
    document = {"version": "1", **who, "checkpoint": checkpoint.model_dump(mode="json")}
    return storage.write_json(settings.models_bucket(), key, {**document, "verdict": verdict.model_dump(mode="json")})


def _told(run: Run, verdict: Verdict) -> ModelEvaluated:
    evaluation = verdict.evaluation
    measured = (
        evaluation.model_dump(include={"held_out", "rows", "left_out", "report", "report_sha256"}) if evaluation else {}
    )
    models = evaluation.models if evaluation else ()
    candidate = evaluation.of("candidate") if evaluation else None
    return ModelEvaluated(
        project=run.project,
        run_id=run.id,
        attempt=run.attempt,
        passed=verdict.passed,
        checkpoint_digest=verdict.checkpoint_digest,
        numbers={model.role: model.numbers for model in models},
        buckets=candidate.buckets if candidate else {},
        comparisons=verdict.comparisons,
        incumbent_arn=verdict.incumbent.arn if verdict.incumbent else "",
        evidence_uri=verdict.evidence_uri,
        **measured,
    )
