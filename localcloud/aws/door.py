"""Opens the HTTP endpoint: moto's application behind our front, on a port of this machine, with moto's process-wide switches set."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from localcloud.aws.faults import Faults
from localcloud.aws.front import Front, WsgiApp
from localcloud.aws.permissions import Permissions
from localcloud.aws.staleness import StaleReads

_SETTINGS = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "false"}


def new_front(faults: Faults, stale: StaleReads, kill: Callable[[str], None], permissions: Permissions) -> Front:
    """A front with moto's application behind it."""
    return Front(DomainDispatcherApplication(create_backend_app), faults, stale, kill, permissions)


def serve(stack: ExitStack, front: WsgiApp, port: int) -> str:
    """Serve `front` until the stack unwinds; returns the endpoint."""
    server = make_server("127.0.0.1", port, front, threaded=True, request_handler=_QuietHandler)
    server.daemon_threads = False  # so that server_close() waits for requests under way
    thread = threading.Thread(
        target=partial(server.serve_forever, poll_interval=0.1), name="localcloud-front", daemon=True
    )
    thread.start()
    for step in (thread.join, server.server_close, server.shutdown):  # run in reverse order
        stack.callback(step)
    return f"http://127.0.0.1:{server.server_port}"


class _QuietHandler(MotoRequestHandler):  # type: ignore[misc] # moto has no types
    def log(self, *_: object) -> None:
        """Say nothing: requests are not news."""


class moto_settings(AbstractContextManager[None]):  # noqa: N801 - used like a function
    """moto's process-wide switches, put back afterwards."""

    def __enter__(self) -> None:
        self._environment = {name: os.environ.get(name) for name in _SETTINGS}
        os.environ.update(_SETTINGS)
        self._user_config = dict(default_user_config)
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._level = logging.getLogger("moto").level
        logging.getLogger("moto").setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for name, value in self._environment.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        default_user_config.clear()
        default_user_config.update(self._user_config)
        logging.getLogger("moto").setLevel(self._level)
