"""The command line. An empty `--incumbent=` is none: the control plane fills the place of one that does not exist with nothing."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cpu_trainer.errors import USAGE, Failure

DEFAULT = "(default %(default)s)"


class Parser(argparse.ArgumentParser):
    """argparse whose mistakes end like every other failure: a message in JSON, one line on stderr, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Turn a mistake of usage into a Failure."""
        raise Failure("usage", message, f"see {self.prog} --help", USAGE)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of one step; `step` names it."""
    parser = Parser(prog="python -m evaluator", allow_abbrev=False, description="Measure models on held-out rows.")
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    _add_evaluate(steps.add_parser("evaluate", allow_abbrev=False, help="measure a candidate, its base, the incumbent"))
    return parser.parse_args(arguments)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    rows = parser.add_argument_group("rows")
    rows.add_argument("--listing", type=Path, required=True, metavar="FILE", help="names the files with their hashes")
    rows.add_argument("--listing-sha256", required=True, metavar="HEX", help="hash of the listing itself")
    rows.add_argument("--mount", type=Path, required=True, metavar="DIR", help="the folder that its keys lie below")
    rows.add_argument("--rows", type=_count, default=32, metavar="N", help="held-out ones, at most " + DEFAULT)
    none = "of those to train on, at most; 0 leaves their files unread (default: as --rows)"
    rows.add_argument("--training-rows", type=_perhaps_none, metavar="N", help=none)
    rows.add_argument("--batch-size", type=_count, default=8, metavar="ROWS", help=DEFAULT)
    rows.add_argument("--tokens", type=_count, default=32, metavar="N", help="of an answer that is written " + DEFAULT)
    rows.add_argument("--written", type=_count, default=2, metavar="N", help="answers kept for people " + DEFAULT)
    models = parser.add_argument_group("models")
    models.add_argument("--candidate", type=Path, required=True, metavar="DIR", help="the sealed model of this run")
    models.add_argument("--incumbent", type=_folder, metavar="DIR", help="the sealed model in use; empty for none")
    models.add_argument("--base", type=_folder, metavar="DIR", help="what an adapter is laid on, unless it holds it")
    models.add_argument(
        "--bases", type=_folder, metavar="DIR", help="folder of bases as candidates' manifests name them"
    )
    models.add_argument("--backend", choices=("numpy", "transformers"), default="numpy", help=DEFAULT)
    models.add_argument("--token-ids", choices=("bytes", "tokenizer"), help="tokenizer, or bytes with numpy")
    parser.add_argument("--report", type=Path, required=True, metavar="FILE", help="the whole evaluation as JSON")


def _folder(text: str) -> Path | None:
    return Path(text) if text else None


def _count(text: str, least: int = 1) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from error
    if not least <= number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{number} is not between {least} and 1,000,000")
    return number


def _perhaps_none(text: str) -> int:
    return _count(text, 0)
