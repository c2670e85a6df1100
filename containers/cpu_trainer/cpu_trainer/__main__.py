"""`python -m cpu_trainer STEP ...`: run one step, leave its message, return its exit code.

The handler of SIGTERM is set before numpy is imported: as process 1 of a container Python would otherwise ignore the
signal for as long as the import takes.
"""

import sys
import traceback
from collections.abc import Sequence

from .arguments import parse
from .errors import OURS, STOPPED, Failure, Stopped
from .report import Message, complain, leave_message, say
from .stopping import stop_at_once


def main(arguments: Sequence[str]) -> int:
    """Run one step and return its exit code: 0, 1 the user's input, 2 usage, 3 ours, 143 stopped."""
    stop_at_once()
    step = arguments[0] if arguments else "none"
    try:
        message = _run(arguments)
    except Stopped as stopped:
        return _stopped(step, stopped)
    except Failure as failure:
        return _fail(step, failure)
    except OSError as error:
        return _fail(step, Failure("file-system", str(error), "check space and permissions of the volume", OURS))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a defect too must leave its message
        traceback.print_exc()
        cause = f"{type(error).__name__}: {error}"
        return _fail(step, Failure("defect", cause, "report it with the lines above", OURS))
    if message is not None:
        leave_message({"step": step, "ok": True, **message})
    return 0


def _run(arguments: Sequence[str]) -> Message | None:
    options = parse(arguments)
    from .steps import STEPS  # noqa: PLC0415 - brings numpy; see the top of this module

    return STEPS[options.step](options)


def _stopped(step: str, stopped: Stopped) -> int:
    _leave(step, "stopped", stopped.cause, stopped.next_action)
    say(f"{step} was stopped by SIGTERM; {stopped.next_action}")
    return STOPPED


def _fail(step: str, failure: Failure) -> int:
    complain(f"{step}: {' '.join(str(failure).split())}")
    _leave(step, failure.code, failure.cause, failure.next_action)
    return failure.exit_code


def _leave(step: str, code: str, cause: str, next_action: str) -> None:
    leave_message({"step": step, "ok": False, "code": code, "cause": cause, "next": next_action})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
