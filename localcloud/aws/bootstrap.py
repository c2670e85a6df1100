"""First code of every handler process: close the paths a function could not reach in AWS, set the clock, then hand over to AWS's own client.

A Lambda function cannot mount FSx for Lustre, but here the file system is a folder on the same disk. An audit hook makes that folder
unreachable; it cannot be removed by the handler, and it catches mistakes, not attacks.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

_PATH_EVENTS = frozenset(
    [
        "open",
        "os.chmod",
        "os.chown",
        "os.link",
        "os.listdir",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.scandir",
        "os.symlink",
        "os.truncate",
        "os.utime",
        "os.chdir",
    ]
)


def deny(folders: list[str]) -> None:
    """Make every file operation under `folders` raise PermissionError in this process, for good."""
    sys.addaudithook(_guard(tuple(os.path.realpath(folder) for folder in folders)))


def _guard(denied: tuple[str, ...]) -> Callable[[str, tuple[object, ...]], None]:
    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in _PATH_EVENTS:
            for argument in arguments:
                _refuse_if_under(denied, argument)

    return hook


def _refuse_if_under(denied: tuple[str, ...], argument: object) -> None:
    if not isinstance(argument, (str, bytes, os.PathLike)):
        return
    path = os.path.realpath(os.fsdecode(argument))
    if any(path == folder or path.startswith(folder + os.sep) for folder in denied):
        raise PermissionError(f"{path} belongs to a file system that a function cannot mount")


def jump(seconds: float) -> None:
    """Let the wall clock of this process run that much ahead of the machine's; the monotonic clock stays as it is."""
    import time_machine  # noqa: PLC0415 - only processes whose clock jumps pay for it

    traveller = time_machine.travel(timedelta(seconds=seconds), tick=True).start()
    late = time_machine.escape_hatch.time.time() + seconds - time.time()  # what starting took
    traveller.shift(late)


def main() -> None:
    """Run the handler named on the command line until the process is killed."""
    folders = os.environ.pop("LOCALCLOUD_DENIED_PATHS", "")
    if folders:
        deny(folders.split(os.pathsep))
    shift = os.environ.pop("LOCALCLOUD_CLOCK_SHIFT", "")
    if shift:
        jump(float(shift))
    if os.environ.get("LOCALCLOUD_PURE_RUNTIME_CLIENT") or importlib.util.find_spec("runtime_client") is None:
        sys.path.insert(0, str(Path(__file__).parent / "shim"))
    from awslambdaric.__main__ import main as run  # noqa: PLC0415 - the guard must stand before anything else is loaded

    run(sys.argv)


if __name__ == "__main__":
    main()
