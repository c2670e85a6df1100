"""How a deployment says no."""

from dropforge.domain.failures import Failure


class Refused(Exception):
    """The deployment said no; `failure` says what, why, whose move and what to do."""

    def __init__(self, found: Failure) -> None:
        super().__init__(f"{found.code}: {found.why} {found.next}")
        self.failure = found
