"""Deploy a SAM template to the local cloud: package, transform, check, create.

The template is the one that goes to AWS. Only what cannot be the same is replaced: wheels for the functions' processor, which come from
the host's interpreter instead.
"""

import hashlib
import io
import json
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from localcloud.aws import cloudformation, sessions
from localcloud.aws.errors import StackFailed

if TYPE_CHECKING:
    from localcloud.aws.server import LocalAws

HOST_PROVIDED = ("VendorLayer", "ClusterLayer")
_ARTIFACTS = "localcloud-artifacts"
_LOCAL_PATHS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
_NEVER_PACKAGED = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")


def deploy(aws: "LocalAws", template: Path, stack: str, parameters: dict[str, str]) -> dict[str, str]:
    """Create a stack and return its outputs. Raises StackFailed naming the resource and the reason."""
    source = yaml_parse(template.read_text())
    _package(aws, source, template.parent)
    transformed = _transform(source, parameters, aws.region)
    cloudformation.check(transformed)
    return _create(aws, stack, transformed, parameters)


def _package(aws: "LocalAws", template: dict[str, Any], folder: Path) -> None:
    """Upload what resources refer to by a path relative to the template, and refer to the upload instead."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=_ARTIFACTS)
    for name, resource in template["Resources"].items():
        member = _LOCAL_PATHS.get(resource["Type"])
        path = resource.get("Properties", {}).get(member) if member else None
        if isinstance(path, str) and not path.startswith("s3://"):
            content = _content(name, resource, folder / path)
            key = hashlib.sha256(content).hexdigest()
            s3.put_object(Bucket=_ARTIFACTS, Key=key, Body=content)
            resource["Properties"][member] = f"s3://{_ARTIFACTS}/{key}"


def _content(name: str, resource: dict[str, Any], path: Path) -> bytes:
    if name in HOST_PROVIDED:
        return _zip_of({"python/.keep": b""})
    if not path.exists():
        raise StackFailed(f"{name} ({resource['Type']}): {path} does not exist")
    if path.is_file():
        return path.read_bytes()
    if resource.get("Metadata", {}).get("BuildMethod") == "makefile":
        return _make(name, path)
    return _zip(path)


def _make(name: str, folder: Path) -> bytes:
    """Build with the same make target that `sam build` calls."""
    with tempfile.TemporaryDirectory() as artifacts:
        command = ["make", "-C", str(folder), f"build-{name}", f"ARTIFACTS_DIR={artifacts}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackFailed(f"{name}: make build-{name} failed: {done.stderr.strip() or done.stdout.strip()}")
        return _zip(Path(artifacts))


def _zip(folder: Path) -> bytes:
    files = [
        file for file in sorted(folder.rglob("*")) if file.is_file() and not set(_NEVER_PACKAGED) & set(file.parts)
    ]
    return _zip_of({file.relative_to(folder).as_posix(): file.read_bytes() for file in files})


def _zip_of(files: dict[str, bytes]) -> bytes:
    """The same files give the same bytes, so that unchanged code keeps its digest."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _transform(template: dict[str, Any], parameters: dict[str, str], region: str) -> dict[str, Any]:
    """What CloudFormation's serverless transform does, without asking any service."""
    translator = Translator({}, Parser(), boto_session=sessions.isolated(region))
    defaults = {name: str(p["Default"]) for name, p in template.get("Parameters", {}).items() if "Default" in p}
    try:
        translated: dict[str, Any] = translator.translate(template, parameter_values=defaults | parameters)
    except Exception as error:  # one document with all errors, or whatever its own code trips over
        raise StackFailed(f"the template is not valid: {getattr(error, 'message', error)} {_causes(error)}") from error
    return translated


def _causes(error: Exception) -> str:
    return "; ".join(str(getattr(cause, "message", cause)) for cause in getattr(error, "causes", []))


def _create(aws: "LocalAws", stack: str, template: dict[str, Any], parameters: dict[str, str]) -> dict[str, str]:
    client = aws.client("cloudformation")
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    try:
        client.create_stack(
            StackName=stack,
            TemplateBody=json.dumps(template),
            Parameters=given,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as error:
        raise StackFailed(error.response["Error"]["Message"]) from error
    made = client.describe_stacks(StackName=stack)["Stacks"][0]
    if made["StackStatus"] != "CREATE_COMPLETE":
        raise StackFailed(f"{stack} is {made['StackStatus']}")
    return {output["OutputKey"]: output["OutputValue"] for output in made.get("Outputs", [])}
