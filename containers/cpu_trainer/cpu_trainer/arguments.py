"""The command line. Flags of the base model are the same for `prepare` and `train`, so both name the same cache entry.

`prepare` also takes the short names (`--steps`, `--seed`, `--max-length`), which in `train` mean the run's own.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .errors import USAGE, Failure

LONGEST = 512  # positions of the base model


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
    if "heads" in options and options.hidden_size % (2 * options.heads):
        parser.error(f"--hidden-size {options.hidden_size} is not a multiple of twice --heads {options.heads}")
    return options


def _add_prefetch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--sha256", action="append", default=[], metavar="HEX")
    parser.add_argument("--bytes", type=int, action="append", default=[], metavar="N")
    parser.add_argument("--files", metavar="JSON", help='[{"path": ..., "sha256": ..., "bytes": ...}]')


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR")
    _add_base(parser, short_names=True)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help=".jsonl or .jsonl.gz")
    parser.add_argument(
        "--sha256", metavar="HEX", help="refuse data with another digest: it may have changed since it was prefetched"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--base", type=Path, metavar="DIR", help="folder of a base model")
    source.add_argument("--cache", type=Path, metavar="DIR", help="cache that prepare filled with the same base flags")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_count)
    length.add_argument("--epochs", type=_positive)
    parser.add_argument("--mode", choices=("lora", "full"), default="lora")
    parser.add_argument("--batch-size", type=_count, default=8)
    parser.add_argument("--learning-rate", type=_positive, default=4e-3)
    parser.add_argument("--rank", type=_count, default=8)
    parser.add_argument("--alpha", type=_positive, default=16.0)
    parser.add_argument("--seed", type=_seed, default=42)
    parser.add_argument("--max-length", type=_length, default=160, metavar="TOKENS")
    parser.add_argument("--base-name", default="dropforge/tiny-llama", help="base_model_name_or_path of the adapter")
    _add_base(parser, short_names=False)


def _add_base(parser: argparse.ArgumentParser, *, short_names: bool) -> None:
    def names(name: str) -> list[str]:
        return [f"--base-{name}", *([f"--{name}"] if short_names else [])]

    parser.add_argument(*names("steps"), dest="base_steps", type=_count, default=300)
    parser.add_argument(*names("seed"), dest="base_seed", type=_seed, default=42)
    parser.add_argument(*names("max-length"), dest="base_max_length", type=_length, default=160, metavar="TOKENS")
    parser.add_argument("--hidden-size", type=_count, default=96)
    parser.add_argument("--layers", type=_count, default=2)
    parser.add_argument("--heads", type=_count, default=4)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="DIR")


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="DIR")
    parser.add_argument("--prompt", required=True, metavar="TEXT")
    parser.add_argument("--tokens", type=_count, default=32)
    parser.add_argument("--json", action="store_true", help="print token ids too, as JSON")


def _count(text: str) -> int:
    return _within(int(text), 1, 10_000_000)


def _seed(text: str) -> int:
    return _within(int(text), 0, 2**63 - 1)


def _length(text: str) -> int:
    return _within(int(text), 4, LONGEST)


def _within(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{number} is not between {least} and {most}")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
