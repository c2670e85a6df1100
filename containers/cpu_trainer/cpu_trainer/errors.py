"""The one way a step fails on purpose, and who has to act on it.

Exit codes are the contract with the job that runs the step: 1 the user's input, 2 the command line (argparse), 3 ours.
"""

USER = 1
USAGE = 2
OURS = 3
STOPPED = 143  # 128 + SIGTERM, what a shell and Kubernetes report for a terminated program


class Failure(Exception):
    """A step cannot go on: a stable code, the plain cause with its evidence, and what to do next."""

    def __init__(self, code: str, cause: str, next_action: str, exit_code: int = USER) -> None:
        super().__init__(f"{cause}; {next_action}")
        self.code, self.cause, self.next_action, self.exit_code = code, cause, next_action, exit_code


class Stopped(BaseException):
    """SIGTERM arrived. Not an Exception, so that no handler of ordinary failures can hold the program back."""

    def __init__(
        self,
        cause: str = "SIGTERM came (preemption, cancellation or a deadline)",
        next_action: str = "nothing is half written, run it again",
    ) -> None:
        super().__init__(f"{cause}; {next_action}")
        self.cause, self.next_action = cause, next_action
