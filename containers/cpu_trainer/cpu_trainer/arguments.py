"""The command line. Flags of the base model are the same for `prepare` and `train`, so both name the same cache entry.

`prepare` also takes the short names (`--steps`, `--seed`, `--max-length`), which in `train` mean the run's own.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .errors import USAGE, Failure

LONGEST = 512  # positions of the base model
DEFAULT = "(default %(default)s)"
TRAIN = (
    "Fine-tune the base model and leave a sealed model in --out. With --checkpoints a killed or stopped run goes on "
    "where it was, to the same bytes; SIGTERM then ends it after the step it is in, with exit code 143."
)
USAGE_OF_TRAIN = (
    "python -m cpu_trainer train (--listing FILE --listing-sha256 HEX --mount DIR | --data FILE)\n"
    "                                   (--base DIR | --cache DIR) --out DIR [--checkpoints DIR] [OPTION ...]"
)
DRILLS = (
    "Faults on purpose, to practise what happens next. 0 means none. Each strikes once per folder of checkpoints, so "
    "that the next attempt passes it."
)
FAULTS = {
    "fail-at-step": "fail just before step N, exit code 1",
    "hang-at-step": "say nothing more from step N on; only SIGKILL, or a second SIGTERM, ends it",
    "kill-at-step": "SIGKILL itself just before step N",
    "truncate-checkpoint": "cut the first checkpoint at or after step N in half once it is sealed",
}
Group = argparse._ArgumentGroup


class Parser(argparse.ArgumentParser):
    """argparse whose mistakes end like every other failure: a message in JSON, one line on stderr, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Turn a mistake of usage into a Failure."""
        raise Failure("usage", message, f"see {self.prog} --help", USAGE)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of one step; `step` names it."""
    parser = Parser(
        prog="python -m cpu_trainer", allow_abbrev=False, description="Train small Llama models on the CPU."
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    _add_prefetch(steps.add_parser("prefetch", allow_abbrev=False, help="read staged files and compare their hashes"))
    _add_prepare(steps.add_parser("prepare", allow_abbrev=False, help="make the base model, or find it in the cache"))
    _add_train(steps.add_parser("train", allow_abbrev=False, help="fine-tune the base model on a dataset"))
    _add_verify(steps.add_parser("verify", allow_abbrev=False, help="read a finished model back and check all of it"))
    _add_generate(steps.add_parser("generate", allow_abbrev=False, help="answer a prompt with a finished model"))
    options = parser.parse_args(arguments)
    if options.step in CHECKS:
        CHECKS[options.step](steps.choices[options.step], options)
    if "heads" in options and options.hidden_size % (2 * options.heads):
        parser.error(f"--hidden-size {options.hidden_size} is not a multiple of twice --heads {options.heads}")
    return options


def _add_prefetch(parser: argparse.ArgumentParser) -> None:
    parser.description = "Read every staged file once and compare it with what was registered."
    listed = parser.add_argument_group("files of a listing")
    listed.add_argument("--listing", type=Path, metavar="FILE", help="JSON that names the files with their hashes")
    listed.add_argument("--mount", type=Path, metavar="DIR", help="the folder under which their keys lie")
    named = parser.add_argument_group("files by hand")
    named.add_argument("--source", type=Path, action="append", default=[], metavar="FILE", help="may be repeated")
    named.add_argument("--bytes", type=int, action="append", default=[], metavar="N", help="size of each --source")
    both = "hash of the listing itself, or of each --source"
    parser.add_argument("--sha256", action="append", default=[], metavar="HEX", help=both)


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make the base model, or find it in the cache."
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR")
    _add_base(parser.add_argument_group("the base model"), short_names=True)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.usage = TRAIN, USAGE_OF_TRAIN
    _add_data(parser.add_argument_group("data (one of the two)"))
    _add_start(parser)
    _add_tuning(parser.add_argument_group("training"))
    _add_checkpoints(parser.add_argument_group("checkpoints"))
    _add_drill(parser.add_argument_group("drills (off by default)", DRILLS))


def _add_data(group: Group) -> None:
    group.add_argument("--listing", type=Path, metavar="FILE", help="JSON that names the files with their hashes")
    group.add_argument("--listing-sha256", metavar="HEX", help="hash of the listing itself")
    group.add_argument("--mount", type=Path, metavar="DIR", help="the folder under which the listing's keys lie")
    group.add_argument("--data", type=Path, metavar="FILE", help="by hand: one .jsonl or .jsonl.gz")
    group.add_argument("--sha256", metavar="HEX", help="hash of --data; data with another one is refused")


def _add_start(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("models")
    group.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the finished model; what a run left there is replaced"
    )
    group.add_argument("--base-name", default="dropforge/tiny-llama", metavar="NAME", help="base named in the adapter")
    base = group.add_mutually_exclusive_group(required=True)
    base.add_argument("--base", type=Path, metavar="DIR", help="folder of a base model")
    base.add_argument("--cache", type=Path, metavar="DIR", help="cache that prepare filled with the same base flags")
    _add_base(parser.add_argument_group("the base model in --cache"), short_names=False)


def _add_tuning(group: Group) -> None:
    group.add_argument("--mode", choices=("lora", "full"), default="lora", help="what learns: an adapter, or all")
    objective = "sft: say what the assistant says; dpo: prefer chosen to rejected"
    group.add_argument("--objective", choices=("sft", "dpo"), default="sft", help=objective)
    length = group.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_count, metavar="N")
    length.add_argument("--epochs", type=_positive, metavar="X", help="1 if neither is given")
    group.add_argument("--batch-size", type=_count, default=8, metavar="ROWS", help=DEFAULT)
    group.add_argument("--learning-rate", type=_positive, default=4e-3, metavar="X", help=DEFAULT)
    group.add_argument("--rank", type=_count, default=8, metavar="N", help="of the adapter " + DEFAULT)
    group.add_argument("--alpha", type=_positive, default=16.0, metavar="X", help="of the adapter " + DEFAULT)
    group.add_argument("--beta", type=_positive, default=0.1, metavar="X", help="of dpo: pull to the base " + DEFAULT)
    group.add_argument("--seed", type=_seed, default=42, metavar="N", help=DEFAULT)
    group.add_argument("--max-length", type=_length, default=160, metavar="TOKENS", help=DEFAULT)


def _add_checkpoints(group: Group) -> None:
    where = "shared by all attempts of one run; training goes on from the newest whole one in it"
    group.add_argument("--checkpoints", type=Path, metavar="DIR", help=where)
    group.add_argument("--checkpoint-every", type=_count, default=20, metavar="STEPS", help=DEFAULT)
    group.add_argument("--keep", type=_count, default=2, metavar="N", help="whole ones that stay " + DEFAULT)


def _add_drill(group: Group) -> None:
    for name, what in FAULTS.items():
        group.add_argument(f"--{name}", type=_drilled, default=(), metavar="N[,N...]", help=what)


def _add_base(group: Group, *, short_names: bool) -> None:
    def names(name: str) -> list[str]:
        return [f"--base-{name}", *([f"--{name}"] if short_names else [])]

    group.add_argument(*names("steps"), dest="base_steps", type=_count, default=300, metavar="N", help=DEFAULT)
    group.add_argument(*names("seed"), dest="base_seed", type=_seed, default=42, metavar="N", help=DEFAULT)
    group.add_argument(
        *names("max-length"), dest="base_max_length", type=_length, default=160, metavar="TOKENS", help=DEFAULT
    )
    group.add_argument("--hidden-size", type=_count, default=96, metavar="N", help=DEFAULT)
    group.add_argument("--layers", type=_count, default=2, metavar="N", help=DEFAULT)
    group.add_argument("--heads", type=_count, default=4, metavar="N", help=DEFAULT)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="DIR")
    where = "move the model to a folder here that is named by its manifest's hash"
    parser.add_argument("--exports", type=Path, metavar="DIR", help=where)


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="DIR")
    parser.add_argument("--prompt", required=True, metavar="TEXT")
    parser.add_argument("--tokens", type=_count, default=32)
    parser.add_argument("--json", action="store_true", help="print token ids too, as JSON")


def _check_prefetch(parser: Parser, options: argparse.Namespace) -> None:
    if options.listing is not None and (options.source or options.bytes):
        parser.error("--listing names all files; leave out --source and --bytes, or --listing")


def _check_train(parser: Parser, options: argparse.Namespace) -> None:
    if (options.data is None) == (options.listing is None):
        parser.error("train needs --listing with --listing-sha256 and --mount, or --data, and not both")
    if options.listing is not None and None in {options.listing_sha256, options.mount}:
        parser.error("--listing needs --listing-sha256, the hash of the listing itself, and --mount")
    if options.checkpoints is None and options.truncate_checkpoint:
        parser.error("--truncate-checkpoint needs --checkpoints: there is nothing to truncate")


CHECKS = {"prefetch": _check_prefetch, "train": _check_train}


def _count(text: str) -> int:
    return _within(_whole(text), 1, 10_000_000)


def _seed(text: str) -> int:
    return _within(_whole(text), 0, 2**63 - 1)


def _length(text: str) -> int:
    return _within(_whole(text), 4, LONGEST)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from error


def _within(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{number} is not between {least} and {most}")
    return number


def _drilled(text: str) -> tuple[int, ...]:
    steps = [_within(_whole(part), 0, 10_000_000) for part in text.split(",")]
    return tuple(step for step in steps if step)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
