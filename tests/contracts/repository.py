"""The repository as data: the template, the machine, the imports. Contract tests read files, so that drift is a red test."""

import ast
import importlib.util
import re
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "shared" / "dropforge"
LOCAL_PATHS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
Document = dict[str, Any]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@cache
def template() -> Document:
    """The template with short forms such as !Ref written out; read it, never change it."""
    parsed: Document = yaml_parse(text("template.yaml"))
    return parsed


def resources(kind: str, document: Document | None = None) -> dict[str, Document]:
    """The properties of every resource of a type, by name."""
    found = (document or template())["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def functions() -> dict[str, Document]:
    return resources("AWS::Serverless::Function")


@cache
def transformed() -> Document:
    """What CloudFormation gets: the template after AWS's own transform, with local paths standing for uploads."""
    source = deepcopy(template())
    for resource in source["Resources"].values():
        member = LOCAL_PATHS.get(resource["Type"])
        if member:
            resource["Properties"][member] = "s3://artifacts/key"
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    defaults = {name: str(p["Default"]) for name, p in source["Parameters"].items()}
    managed = {"AWSLambdaBasicExecutionRole": "arn:basic", "AWSXRayDaemonWriteAccess": "arn:xray"}
    translated: Document = Translator(managed, Parser(), boto_session=session).translate(source, defaults)
    return translated


def machine_files() -> list[Path]:
    return sorted((ROOT / "statemachines").glob("*.asl.yaml"))


@cache
def machine(path: Path) -> Document:
    parsed: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return parsed


def states(scope: Document) -> Iterator[tuple[str, Document]]:
    """Every state of a machine with its name, those inside Maps too."""
    for name, state in scope["States"].items():
        yield name, state
        if state["Type"] == "Map":
            yield from states(state["ItemProcessor"])


def all_states(kind: str) -> dict[str, Document]:
    found = (pair for path in machine_files() for pair in states(machine(path)))
    return {name: state for name, state in found if state["Type"] == kind}


@cache
def handler_module(folder: str) -> ModuleType:
    """A function's app.py, loaded from its path as Lambda does."""
    path = ROOT / "functions" / folder / "app.py"
    spec = importlib.util.spec_from_file_location(f"handler_of_{folder}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def handler_folders() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))


def sources() -> list[Path]:
    """Every Python file that is deployed."""
    return sorted([*PACKAGE.rglob("*.py"), *(ROOT / "functions").rglob("*.py")])


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """The dotted names that a file imports, wherever in it: `from a import b` counts as `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def reachable(path: Path) -> set[str]:
    """The modules of ours that a file imports, directly or not."""
    pending, found = [path], set[str]()
    while pending:
        for name in imports(pending.pop()) - found:
            module = ROOT / "layers" / "shared" / f"{name.replace('.', '/')}.py"
            if module.is_file():
                found.add(name)
                pending.append(module)
    return found


def files_in_git() -> list[Path]:
    """Every file that is in the repository or about to be."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
    return [path for name in listed if name and (path := ROOT / name).is_file()]
