"""`python -m evaluator evaluate ...`: evaluate, leave the message, return the exit code."""

import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence

from cpu_trainer.errors import OURS, STOPPED, Failure, Stopped
from cpu_trainer.report import complain, leave_message
from cpu_trainer.stopping import stop_at_once

from .arguments import parse


def main(arguments: Sequence[str]) -> int:
    """Run one step and return its exit code: 0, 1 the user's input, 2 usage, 3 ours, 143 stopped."""
    stop_at_once()
    try:
        _run(parse(arguments))
    except Stopped as stopped:
        _say_why("stopped", stopped.cause, stopped.next_action)
        return STOPPED
    except Failure as failure:
        return _fail(failure)
    except OSError as error:
        return _fail(Failure("file-system", str(error), "check space and permissions of the volume", OURS))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a defect too must leave its message
        traceback.print_exc()
        return _fail(Failure("defect", f"{type(error).__name__}: {error}", "report it with the lines above", OURS))
    return 0


def _run(options: Namespace) -> None:
    from .steps import run_evaluate  # noqa: PLC0415 - brings numpy: the handler of SIGTERM is set before

    run_evaluate(options)


def _fail(failure: Failure) -> int:
    complain(f"evaluate: {' '.join(str(failure).split())}")
    _say_why(failure.code, failure.cause, failure.next_action)
    return failure.exit_code


def _say_why(code: str, cause: str, next_action: str) -> None:
    leave_message({"step": "evaluate", "ok": False, "code": code, "cause": cause, "next": next_action})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
