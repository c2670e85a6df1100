"""The step as the command line calls it: options in, report and termination message out."""

from argparse import Namespace

from cpu_trainer.errors import USAGE, Failure
from cpu_trainer.listing import read_listing

from . import message
from .artefacts import Artefact
from .evaluate import Extent, Load, Subjects, evaluate, leave_report
from .language_models import LanguageModel
from .measure import Limits


def run_evaluate(options: Namespace) -> None:
    """Evaluate and leave the report and the message."""
    data = read_listing(options.listing, options.listing_sha256, options.mount)
    subjects = Subjects(options.candidate, options.incumbent, options.base, options.bases)
    training = options.rows if options.training_rows is None else options.training_rows
    extent = Extent(options.rows, training, options.written, Limits(options.batch_size, options.tokens))
    evaluation = evaluate(data, subjects, extent, _loading(options))
    digest = leave_report(evaluation, options.report)
    message.leave(message.message_of(evaluation, options.report, digest))


def _loading(options: Namespace) -> Load:
    """Return how models are loaded. Each back end is imported only where it is wanted, since an image may hold only one."""
    if options.backend == "numpy":
        from .numpy_model import load  # noqa: PLC0415 - see above

        return load
    try:
        from . import transformers_model  # noqa: PLC0415 - see above
    except ImportError as error:
        cause = f"this image cannot load models of transformers: {error}"
        raise Failure("no-backend", cause, "use an image with torch, transformers and peft", USAGE) from error
    tokens = options.token_ids or "tokenizer"

    def load_with_tokens(artefact: Artefact) -> LanguageModel:
        return transformers_model.load(artefact, tokens)

    return load_with_tokens
