"""What a function's start costs: its handler imported in a fresh interpreter, against a bare handler and against the same code as SAM builds it.

As deployed: our code and the vendor layer's packages in one folder, compiled to bytecode that is valid by its hash (what `make build` ships).
As SAM builds it: the same files without bytecode, read-only as /var/task is, and everything imported at the top: boto3 and every module of
ours that needs no cluster. The interpreter's own library keeps its bytecode on both sides.
"""

import compileall
import importlib.util
import os
import py_compile
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.measure import Figure

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT / "layers" / "shared"
VENDORED = (
    "annotated_types",
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "dateutil",
    "jinja2",
    "jmespath",
    "markupsafe",
    "msgspec",
    "pydantic",
    "pydantic_core",
    "s3transfer",
    "six",
    "typing_extensions",
    "typing_inspection",
    "urllib3",
    "yaml",
)
SETTINGS = {"ENVIRONMENT": "bench", "AWS_DEFAULT_REGION": "us-east-1", "PYDANTIC_DISABLE_PLUGINS": "true"}


def run(size: int, rounds: int) -> list[Figure]:  # noqa: ARG001  there is nothing to choose a size of
    """Measure every function that talks to no cluster; the ratios are the slowest one's."""
    with built() as folder:
        functions = [name for name in _functions() if not _talks_to_a_cluster(folder, name)]
        once = {name: median(_start(folder / "shipped", name) for _ in range(3)) for name in functions}
        slowest = max(once, key=lambda name: once[name])
        taken = [
            (_start(folder / "shipped", slowest), _start(folder / "plain", slowest, top=_everything()), _bare())
            for _ in range(rounds)
        ]
    return [
        Figure(f"slowest start, {slowest}, as deployed", median(t[0] for t in taken), "CPU s"),
        Figure("the same as SAM builds it, all at the top", median(t[1] for t in taken), "CPU s"),
        Figure("bare handler", median(t[2] for t in taken), "CPU s"),
        Figure("as deployed / as SAM builds it", median(t[0] / t[1] for t in taken), "x", 0.25),
        Figure("as deployed / bare", median(t[0] / t[2] for t in taken), "x"),
        Figure("median start of all functions without a cluster", median(once.values()), "CPU s"),
    ]


@contextmanager
def built() -> Iterator[Path]:
    """Two copies of what a function is deployed with: `shipped`, with hash-based bytecode, and `plain`, without any."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        plain = folder / "plain"
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(SHARED, plain, ignore=ignore)
        for name in VENDORED:
            _copy(name, plain)
        for name in _functions():
            shutil.copytree(ROOT / "functions" / name, plain / "functions" / name, ignore=ignore)
        shutil.copytree(plain, folder / "shipped")
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(folder / "shipped", quiet=2, invalidation_mode=mode)
        yield folder


def _copy(name: str, target: Path) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return  # not a package of this deployment
    source = Path(spec.origin)
    if source.name == "__init__.py":
        keep_out = shutil.ignore_patterns(
            "__pycache__", "*.pyc", "data"
        )  # botocore reads its data with the first client
        shutil.copytree(source.parent, target / name, ignore=keep_out)
    else:
        shutil.copy(source, target / source.name)


def _functions() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))


def _talks_to_a_cluster(folder: Path, name: str) -> bool:
    """Whether a handler needs the cluster layer: it cannot be imported without."""
    try:
        _start(folder / "shipped", name)
    except subprocess.CalledProcessError:
        return True
    return False


def _everything() -> str:
    """Return the imports of all that needs no cluster."""
    modules = [
        ".".join(path.relative_to(SHARED).with_suffix("").parts)
        for path in sorted((SHARED / "dropforge").rglob("*.py"))
        if path.name != "__init__.py" and "client" not in path.parts
    ]
    lines = [f"try:\n    import {name}\nexcept ModuleNotFoundError:\n    pass\n" for name in modules]
    return "import boto3, botocore.session, aws_lambda_powertools.metrics, yaml, msgspec\n" + "".join(lines)


def _start(folder: Path, name: str, top: str = "") -> float:
    path = f"{folder / 'functions' / name}{os.pathsep}{folder}"
    return _spend(f"{top}import app\napp.handler", {"PYTHONPATH": path})


def _bare() -> float:
    return _spend("def handler(event, context):\n    return event", {})


def _spend(program: str, more: dict[str, str]) -> float:
    """Return the CPU seconds, user and system, of an interpreter that runs a program and ends."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**SETTINGS, **more, "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-S", "-c", program]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
