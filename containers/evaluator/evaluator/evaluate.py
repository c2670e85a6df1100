"""The evaluation: the same rows, the same numbers, for the base, the incumbent and the candidate, one model in memory at a time.

Rows that the candidate cannot read whole are left out, and counted. Without held-out rows there are no held-out numbers: the loss on
training rows stands under names of its own and never in their place.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cpu_trainer.errors import OURS, Failure
from cpu_trainer.files import sha256_of, write_json
from cpu_trainer.report import say
from cpu_trainer.staged import Data

from .artefacts import Artefact, open_base, open_trained
from .cases import Case, Sample, sample
from .language_models import LanguageModel
from .measure import Limits, accuracy, answers, buckets, fitting, likelihood, rounded

Load = Callable[[Artefact], LanguageModel]


@dataclass(frozen=True)
class Subjects:
    """What is evaluated: the candidate's folder, the incumbent's if there is one, and where bases lie."""

    candidate: Path
    incumbent: Path | None = None
    base: Path | None = None
    bases: Path | None = None


@dataclass(frozen=True)
class Extent:
    """How much is measured: held-out and training rows at most, how many answers are written out, and the limits of each."""

    rows: int
    training_rows: int
    written: int
    limits: Limits


@dataclass(frozen=True)
class Evaluated:
    """One model with its numbers. `tokens` are those of the held-out answers: losses per token compare only where they are the same."""

    role: str
    kind: str
    path: str
    manifest_sha256: str
    tokens: int
    numbers: dict[str, float]
    buckets: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """The whole of it. `held_out` says where the rows are from: `validation`, or `none`."""

    held_out: str
    rows: int
    left_out: int
    rows_sha256: str
    models: tuple[Evaluated, ...]
    written: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Rows:
    """The rows that every model is measured on."""

    held_out: list[Case]
    training: list[Case]
    left_out: int
    sha256: str


def evaluate(data: Data, subjects: Subjects, extent: Extent, load: Load) -> Evaluation:
    """Evaluate the candidate, then what it is compared with. All files are looked up before the first model is loaded."""
    opened = _open(subjects)
    candidate = load(opened[0])
    rows = _rows(data, candidate, extent)
    first = _measure(opened[0], candidate, rows, extent.limits)
    written = _written(candidate, (rows.held_out or rows.training)[: extent.written], extent.limits)
    del candidate
    others = [_measure(one, load(one), rows, extent.limits) for one in opened[1:]]
    held_out = "validation" if rows.held_out else "none"
    return Evaluation(held_out, len(rows.held_out), rows.left_out, rows.sha256, (first, *others), tuple(written))


def leave_report(evaluation: Evaluation, path: Path) -> str:
    """Write the whole evaluation and return the file's hash."""
    write_json(path, {"version": "1", **asdict(evaluation)})
    return sha256_of(path)


def _open(subjects: Subjects) -> list[Artefact]:
    """Return the candidate, then base and incumbent where there are any."""
    candidate = open_trained("candidate", subjects.candidate, subjects.base)
    base = open_base(candidate, subjects.base, subjects.bases)
    incumbent = open_trained("incumbent", subjects.incumbent, subjects.base) if subjects.incumbent else None
    return [candidate, *(one for one in (base, incumbent) if one is not None)]


def _rows(data: Data, candidate: LanguageModel, extent: Extent) -> Rows:
    held_out = sample(data.validation, extent.rows)
    training = sample(data.train if extent.training_rows else (), extent.training_rows)
    fit = [_fit(candidate, one, extent) for one in (held_out, training)]
    if not any(fit):
        cause = f"none of {len(held_out.cases) + len(training.cases)} rows fits {candidate.positions} tokens"
        raise Failure("rows-too-long", cause, "evaluate with fewer tokens per answer, or shorten the rows")
    return Rows(fit[0], fit[1], len(held_out.cases) - len(fit[0]), held_out.sha256 if fit[0] else training.sha256)


def _fit(candidate: LanguageModel, found: Sample, extent: Extent) -> list[Case]:
    return fitting(candidate, found.cases, extent.limits.tokens)


def _measure(artefact: Artefact, model: LanguageModel, rows: Rows, limits: Limits) -> Evaluated:
    _require_room(artefact, model, [*rows.held_out, *rows.training], limits)
    numbers: dict[str, float] = {}
    tokens, found = 0, buckets(model, rows.held_out, limits) if rows.held_out else {}
    if rows.held_out:
        own = likelihood(artefact.role, model, rows.held_out, limits.batch)
        numbers, tokens = {"loss": own.loss, "perplexity": own.perplexity, "exact_match": own.exact_match}, own.tokens
    called = accuracy(found)
    if called is not None:
        numbers["function_calling_accuracy"] = called
    if rows.training:
        learnt = likelihood(artefact.role, model, rows.training, limits.batch)
        numbers |= {"training_loss": learnt.loss, "training_perplexity": learnt.perplexity}
    numbers = {name: rounded(number) for name, number in numbers.items()}
    say(f"{artefact.role}: {artefact.kind} {artefact.folder} {numbers} {found or ''}".rstrip())
    return Evaluated(
        artefact.role, artefact.kind, str(artefact.folder), artefact.manifest_sha256, tokens, numbers, found
    )


def _require_room(artefact: Artefact, model: LanguageModel, cases: Sequence[Case], limits: Limits) -> None:
    """Every model is measured on the same rows: one that cannot read them all cannot be compared."""
    short = len(cases) - len(fitting(model, cases, limits.tokens))
    if short:
        cause = f"{artefact.role}: {short} rows that the candidate reads do not fit its {model.positions} tokens"
        raise Failure("rows-too-long", cause, "evaluate with fewer tokens per answer, or shorten the rows", OURS)


def _written(model: LanguageModel, cases: Sequence[Case], limits: Limits) -> list[dict[str, str]]:
    """Return some answers beside what was wanted, for people to read."""
    said = answers(model, cases, limits)
    asked = [case.before[-1].text if case.before else "" for case in cases]
    return [
        {"asked": a, "wanted": case.answer.text, "answered": s} for a, case, s in zip(asked, cases, said, strict=True)
    ]
