"""The gate: a model's numbers against what the run request requires and against the incumbent's.

What was asked for must have been measured: a missing number is an objection, never a pass. The default comparison was asked for by nobody, so
where nothing can answer it, it is said and passes.
"""

import difflib
from collections.abc import Iterator, Mapping

from dropforge.domain.evaluations import ON_TRAINING_ROWS, Better, Evaluated, Evaluation, Incumbent
from dropforge.domain.requests import Bound, EvaluationGate, Margin
from dropforge.domain.verdicts import Comparison, Outcome, Rule, Verdict
from dropforge.errors import InvalidInput, WorkloadFailed

Measures = Mapping[str, Better]
DEFAULT = {"loss": Margin(at_most_worse_by=0.02)}  # nats; docs/decisions/0025 says why so much
DECIMALS = 9  # of a limit that was made by adding: numbers have six digits, sums of floats have tails
NO_INCUMBENT = "no model of this group is approved yet"


def check(asked: EvaluationGate, measures: Measures, held_out_rows: int) -> None:
    """Refuse a gate that nothing could ever pass. Raises InvalidInput (BadRunRequest, NothingHeldOut) naming the number."""
    for key, names in (("require", asked.require), ("against_incumbent", asked.against_incumbent or {})):
        for name in names:
            _check_number(f"evaluation.{key}.{name}", name, measures, held_out_rows)


def _check_number(path: str, name: str, measures: Measures, held_out_rows: int) -> None:
    if not measures:
        raise InvalidInput("BadRunRequest", f"`{path}`: this recipe has no step that measures anything.")
    if name not in measures:
        near = difflib.get_close_matches(name, measures, n=1, cutoff=0.5)
        hint = f"Did you mean `{near[0]}`?" if near else f"It measures {', '.join(sorted(measures))}."
        raise InvalidInput("BadRunRequest", f"`{path}`: this recipe does not measure `{name}`. {hint}")
    if not held_out_rows and not name.startswith(ON_TRAINING_ROWS):
        why = f"`{path}` is measured on held-out rows, and this dataset has no validation file."
        raise InvalidInput("NothingHeldOut", why, {"number": name})


def judge(
    asked: EvaluationGate, measures: Measures, evaluation: Evaluation | None, incumbent: Incumbent | None, digest: str
) -> Verdict:
    """Return the verdict on the checkpoint whose manifest has this digest. Raises WorkloadFailed when another one was measured."""
    candidate = _candidate(evaluation, digest)
    numbers = candidate.numbers if candidate else {}
    required = [one for name, bound in asked.require.items() for one in _required(name, bound, numbers)]
    compared = list(_compared(asked, measures, candidate, _reference(evaluation, incumbent)))
    known = {"checkpoint_digest": digest, "evaluation": evaluation, "incumbent": incumbent}
    verdict = Verdict.model_validate({"passed": True, "comparisons": (*required, *compared), **known})
    return verdict.model_copy(update={"passed": not verdict.objections})


def _candidate(evaluation: Evaluation | None, digest: str) -> Evaluated | None:
    """Return the candidate's numbers, if they are this checkpoint's."""
    candidate = evaluation.of("candidate") if evaluation else None
    if evaluation is not None and (candidate is None or candidate.manifest_sha256 != digest):
        measured = candidate.manifest_sha256[:12] if candidate else "none"
        why = f"The evaluation measured manifest {measured or 'none'}, the checkpoint's is {digest[:12]}."
        raise WorkloadFailed("EvaluationMismatch", why, {"measured": measured, "checkpoint": digest})
    return candidate


def _reference(evaluation: Evaluation | None, incumbent: Incumbent | None) -> Evaluated | None:
    """Return the incumbent's numbers; none of a model that we did not choose. Raises WorkloadFailed when those of the one we chose are not there."""
    if incumbent is None:
        return None
    found = evaluation.of("incumbent") if evaluation else None
    if evaluation is not None and found is None:
        raise WorkloadFailed("EvaluationMismatch", f"The evaluation says nothing of the incumbent {incumbent.arn}.")
    return found


def _compared(
    asked: EvaluationGate, measures: Measures, candidate: Evaluated | None, reference: Evaluated | None
) -> Iterator[Comparison]:
    chosen = asked.against_incumbent
    margins = {name: DEFAULT[name] for name in DEFAULT if name in measures} if chosen is None else chosen
    for name, margin in margins.items():
        found = _against(name, margin, measures.get(name, "lower"), candidate, reference)
        excused = found.outcome == "missing" and (chosen is None or reference is None)
        yield found.model_copy(update={"outcome": "not compared"}) if excused else found


def _required(name: str, bound: Bound, numbers: Mapping[str, float]) -> Iterator[Comparison]:
    value = numbers.get(name)
    limits: tuple[tuple[Rule, float | None], ...] = (("below", bound.below), ("above", bound.above))
    for rule, limit in limits:
        if limit is not None:
            met = value is not None and (value < limit if rule == "below" else value > limit)
            outcome: Outcome = "missing" if value is None else "met" if met else "missed"
            said = "was not measured" if value is None else f"is {value:g}"
            why = f"`{name}` {said}; it must be {rule} {limit:g}."
            yield Comparison(
                number=name, against="requirement", rule=rule, outcome=outcome, why=why, value=value, limit=limit
            )


def _against(
    name: str, margin: Margin, better: Better, candidate: Evaluated | None, reference: Evaluated | None
) -> Comparison:
    """Compare with the incumbent's number, which a candidate may miss by the margin."""
    rule: Rule = "at most" if better == "lower" else "at least"
    value = candidate.numbers.get(name) if candidate else None
    theirs = reference.numbers.get(name) if reference else None
    obstacle = _obstacle(candidate, reference, value, theirs)
    if obstacle or value is None or theirs is None:
        why = f"`{name}` was not compared with an incumbent: {obstacle}."
        return Comparison(number=name, against="incumbent", rule=rule, outcome="missing", why=why, value=value)
    limit = round(theirs + margin.at_most_worse_by * (1 if better == "lower" else -1), DECIMALS)
    outcome: Outcome = "met" if (value <= limit if better == "lower" else value >= limit) else "missed"
    why = f"`{name}` is {value:g}, the incumbent's {theirs:g}; it must be {rule} {limit:g}."
    numbers = {"value": value, "limit": limit, "reference": theirs}
    return Comparison(number=name, against="incumbent", rule=rule, outcome=outcome, why=why, **numbers)


def _obstacle(
    candidate: Evaluated | None, reference: Evaluated | None, value: float | None, theirs: float | None
) -> str:
    """Return why two numbers cannot be compared, or nothing."""
    if candidate is None:
        return "nothing was measured"
    if reference is None:
        return NO_INCUMBENT
    if value is None or theirs is None:
        return "it was not measured on both"
    if candidate.tokens != reference.tokens:
        return "the two read the rows as different tokens"
    return ""


def objection(verdict: Verdict) -> WorkloadFailed:
    """Return the failure of a model that did not pass: what was missed before what is missing."""
    missed = [one for one in verdict.objections if one.outcome == "missed"]
    code = "GateNotMet" if missed else "GateNumberMissing"
    why = " ".join(one.why for one in (missed or verdict.objections))
    evidence = {"evidence_uri": verdict.evidence_uri, "checkpoint_digest": verdict.checkpoint_digest}
    return WorkloadFailed(code, why, {**evidence, "incumbent": verdict.incumbent.arn if verdict.incumbent else None})


def quarantine_key(project: str, run_id: str, attempt: int) -> str:
    """Return where the evidence on a model that did not pass lies in the models bucket."""
    return f"quarantine/{project}/{run_id}/{attempt}/gate.json"
