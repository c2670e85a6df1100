"""Errors the local cloud answers with, as AWS spells them."""


class AwsError(Exception):
    """An error response: `code` is the exception name in botocore's model, `status` the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class StackFailed(RuntimeError):
    """A stack could not be created; the message names the resource and the reason."""
