"""The steps as the command line calls them: options in, termination message out.

Values leave argparse here and nowhere else; behind this module everything has a type.
"""

import json
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from . import prepare as bases
from .finetune import Duration, Tuning, finetune
from .generate import answer
from .model import Config
from .prefetch import prefetch, registered
from .report import Message, say
from .verify import verify


def run_prefetch(options: Namespace) -> Message:
    """Compare staged files with what was registered."""
    arrived = prefetch(registered(options.source, options.sha256, options.bytes, options.files))
    return {"files": arrived.files, "bytes": arrived.bytes}


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
    if options.sha256 is not None:
        prefetch(registered([options.data], [options.sha256], [], None))
    tuned = finetune(options.data, _base_folder(options), options.out, _tuning(options))
    return {
        "mode": options.mode,
        "steps": tuned.origin.step,
        "rows": tuned.rows,
        "loss_before": tuned.origin.loss_before,
        "loss_after": tuned.origin.loss_after,
        "base": tuned.origin.base,
        "out": str(options.out),
        "manifest_sha256": tuned.manifest_sha256,
        "seconds": round(time.monotonic() - began, 3),
    }


def run_verify(options: Namespace) -> Message:
    """Read a finished model back."""
    verified = verify(options.model)
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
    )
