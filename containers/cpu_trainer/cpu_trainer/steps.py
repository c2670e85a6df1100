"""The steps as the command line calls them: options in, termination message out.

Values leave argparse here and nowhere else; behind this module everything has a type.
"""

import json
import shutil
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from . import prepare as bases
from .checkpoints import Keeping
from .drill import Drill
from .exports import export
from .finetune import Tuned, finetune
from .generate import answer
from .listing import read_listing
from .model import Config
from .prefetch import checked, listed, prefetch, registered
from .report import Message, say
from .session import Safety
from .staged import Data, by_hand
from .tuning import Duration, Tuning
from .verify import verify


def run_prefetch(options: Namespace) -> Message:
    """Compare staged files with what was registered, and say how much room their file system has."""
    if options.listing is None:
        arrived, place = prefetch(registered(options.source, options.sha256, options.bytes)), options.source[0]
    else:
        arrived, place = prefetch(listed(options.listing, options.sha256, options.mount)), options.mount
    room = shutil.disk_usage(place)
    return {
        "files": arrived.files,
        "bytes": arrived.bytes,
        "file_system_bytes": room.total,
        "file_system_free": room.free,
    }


def run_prepare(options: Namespace) -> Message:
    """Make the base model or find it in the cache."""
    base = _base(options)
    prepared = bases.prepare(base, options.cache)
    return {
        "base": str(prepared.folder),
        "digest": base.digest,
        "cached": prepared.cached,
        "loss": prepared.sealed.origin.loss_after,
    }


def run_train(options: Namespace) -> Message:
    """Fine-tune and leave a sealed model."""
    began = time.monotonic()
    tuned = finetune(_data(options), _base_folder(options), options.out, _tuning(options), _safety(options))
    return {
        "mode": options.mode,
        "objective": options.objective,
        "steps": tuned.origin.step,
        "rows": tuned.rows,
        **_measured(tuned),
        "base": tuned.origin.base,
        "out": str(options.out),
        "manifest_sha256": tuned.manifest_sha256,
        "resumed_from": tuned.resumed_from,
        "checkpoints": ", ".join(tuned.checkpoints),
        "seconds": round(time.monotonic() - began, 3),
    }


def run_verify(options: Namespace) -> Message:
    """Read a finished model back and move it to where it is exported from, if that is wanted."""
    verified = verify(options.model) if options.exports is None else export(options.model, options.exports).verified
    return {
        "kind": verified.sealed.origin.kind,
        "tensors": verified.tensors,
        "bytes": verified.bytes,
        "manifest_sha256": verified.sealed.manifest_sha256,
    }


def run_generate(options: Namespace) -> None:
    """Print an answer; it is for people and tests, and leaves no termination message."""
    given = answer(options.model, options.prompt, options.tokens)
    as_json = {"prompt_ids": given.prompt_ids, "ids": given.ids, "text": given.text}
    say(json.dumps(as_json) if options.json else given.text)


STEPS: dict[str, Callable[[Namespace], Message | None]] = {
    "prefetch": run_prefetch,
    "prepare": run_prepare,
    "train": run_train,
    "verify": run_verify,
    "generate": run_generate,
}


def _measured(tuned: Tuned) -> Message:
    """Return the losses and, for preferences, accuracies; those of held-out rows where there are some."""
    origin, held_out = tuned.origin, tuned.after.held_out
    found: dict[str, float | None] = {
        "loss_before": origin.loss_before,
        "loss_after": origin.loss_after,
        "preference_accuracy": tuned.after.learnt.accuracy,
        "validation_loss_before": origin.validation_loss_before,
        "validation_loss": origin.validation_loss,
        "validation_accuracy": held_out.accuracy if held_out else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _base(options: Namespace) -> bases.Base:
    config = Config(options.hidden_size, options.layers, options.heads)
    return bases.Base(options.base_steps, options.base_seed, options.base_max_length, config)


def _base_folder(options: Namespace) -> Path:
    if options.base is None:
        return bases.find(_base(options), options.cache)
    folder: Path = options.base
    if not folder.is_dir():
        raise bases.missing(folder)
    return folder


def _tuning(options: Namespace) -> Tuning:
    return Tuning(
        mode=options.mode,
        duration=Duration(options.steps, options.epochs),
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        rank=options.rank,
        alpha=options.alpha,
        seed=options.seed,
        max_length=options.max_length,
        base_name=options.base_name,
        objective=options.objective,
        beta=options.beta,
    )


def _data(options: Namespace) -> Data:
    if options.listing is not None:
        return read_listing(options.listing, checked(options.listing_sha256), options.mount)
    return by_hand(options.data, None if options.sha256 is None else checked(options.sha256))


def _safety(options: Namespace) -> Safety:
    keeping = None
    if options.checkpoints is not None:
        keeping = Keeping(options.checkpoints, options.checkpoint_every, options.keep)
    drill = Drill(options.fail_at_step, options.hang_at_step, options.kill_at_step, options.truncate_checkpoint)
    return Safety(keeping, drill)
