"""The template: who may do what, what is kept how, and what happens to an event nobody could take."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from dropforge import naming
from dropforge.domain.measures import DIMENSIONS
from dropforge.domain.onboarding import CALLERS
from dropforge.domain.starts import Retrain

from tests.contracts.repository import (
    PACKAGE,
    ROOT,
    Document,
    functions,
    handler_folders,
    machine_files,
    reachable,
    resources,
    snake,
    sources,
    template,
    text,
    transformed,
    tree,
)

FUNCTIONS = functions()
BUCKETS = resources("AWS::S3::Bucket")


def as_list(one_or_many: Any) -> list[Any]:
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]


def statements(node: Any) -> Iterator[Document]:
    """Every policy statement below a node."""
    if isinstance(node, dict):
        yield from (s for s in as_list(node.get("Statement", [])) if isinstance(s, dict))
        for key, below in node.items():
            if key != "Statement":
                yield from statements(below)
    elif isinstance(node, list):
        for below in node:
            yield from statements(below)


def test_the_stack_stays_under_400_resources() -> None:
    assert len(transformed()["Resources"]) < 400


def test_no_permission_names_an_action_with_a_star() -> None:
    starred = [s for s in statements(transformed()) if any("*" in action for action in as_list(s["Action"]))]
    assert {s["Sid"] for s in starred if s["Effect"] == "Allow"} == {"AccountAdministers"}


def test_everything_is_allowed_only_where_a_comment_says_why() -> None:
    lines, resource, bare = text("template.yaml").splitlines(), "", []
    for number, line in enumerate(lines):
        heading = re.match(r"  (\w+):", line)
        resource = heading[1] if heading else resource
        in_key_policy = resource == "Key"  # there `*` means the key itself
        if re.search(r"Resource: ['\"]\*['\"]", line) and not in_key_policy and "#" not in line + lines[number - 1]:
            bare.append(f"line {number + 1}, {resource}")
    assert bare == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_policy_of_its_own(name: str) -> None:
    own = [s for policy in FUNCTIONS[name]["Policies"] for s in statements(policy)]
    assert own
    assert all(s["Effect"] == "Allow" and s["Resource"] for s in own)


def test_no_two_functions_share_a_role() -> None:
    roles = [p["Role"]["Fn::GetAtt"][0] for p in resources("AWS::Lambda::Function", transformed()).values()]
    assert len(roles) == len(set(roles)) == len(FUNCTIONS)


def test_arns_name_the_partition_of_the_deployment() -> None:
    assert re.findall(r"arn:aws[a-z-]*:", text("template.yaml")) == []
    assert [path.name for path in machine_files() if "arn:aws" in path.read_text()] == []
    assert [str(path) for path in sources() if "arn:aws" in path.read_text()] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_name_that_callers_make(name: str) -> None:
    assert FUNCTIONS[name]["FunctionName"]["Fn::Sub"] == naming.function("${Environment}", snake(name))


def test_a_machine_with_a_distributed_map_may_start_executions_of_itself_and_no_others() -> None:
    name = "dropforge-${Environment}-dataset-to-model"
    machine = resources("AWS::Serverless::StateMachine")["DatasetToModel"]
    allowed = {action: s["Resource"] for s in statements(machine["Policies"]) for action in s["Action"]}
    assert machine["Name"] == {"Fn::Sub": name}
    assert allowed["states:StartExecution"]["Fn::Sub"].endswith(f":stateMachine:{name}")
    for action in ("states:DescribeExecution", "states:StopExecution"):
        assert allowed[action]["Fn::Sub"].endswith(f":execution:{name}:*")


def talks_to_a_cluster(folder: str) -> bool:
    return "dropforge.adapters.connections" in reachable(ROOT / "functions" / folder / "app.py")


def test_some_functions_talk_to_a_cluster_and_some_do_not() -> None:
    assert {talks_to_a_cluster(folder) for folder in handler_folders()} == {True, False}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_exactly_the_functions_that_talk_to_a_cluster_have_its_layer_and_network(name: str) -> None:
    talks, properties = talks_to_a_cluster(snake(name)), FUNCTIONS[name]
    assert ({"Ref": "ClusterLayer"} in properties.get("Layers", [])) == talks
    assert ("VpcConfig" in properties) == talks


@pytest.mark.parametrize("role", CALLERS)
def test_a_clusters_role_is_assumed_by_exactly_the_functions_it_must_trust(role: str) -> None:
    assumed = {
        snake(name)
        for name in FUNCTIONS
        for policy in FUNCTIONS[name]["Policies"]
        for s in statements(policy)
        if "sts:AssumeRole" in s["Action"] and s["Resource"]["Fn::Sub"].endswith(f"-{role}")
    }
    assert assumed == set(CALLERS[role])


STARTS_WITHOUT = ("boto3", "botocore.session", "botocore.client", "kubernetes")


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not talks_to_a_cluster(snake(name))])
def test_a_function_without_a_cluster_starts_without_what_is_slow_to_import(name: str) -> None:
    program = f"import sys, app; print([name for name in {STARTS_WITHOUT} if name in sys.modules])"
    path = f"{ROOT / 'functions' / snake(name)}:{PACKAGE.parent}"
    ran = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_only_adapters_and_the_client_import_an_sdk() -> None:
    sdks = {"boto3", "botocore", "kubernetes", "urllib3"}
    importers = {path for path in sources() if roots(path) & sdks}
    assert importers
    assert {path.relative_to(PACKAGE).parts[0] for path in importers} == {"adapters", "client"}


def roots(path: Any) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    return names


def test_the_domain_imports_nothing_that_reaches_outside() -> None:
    outside = {
        "os",
        "boto3",
        "botocore",
        "kubernetes",
        "aws_lambda_powertools",
        "socket",
        "subprocess",
        "time",
        "random",
    }
    pure = [*(PACKAGE / "domain").glob("*.py"), PACKAGE / "naming.py", PACKAGE / "errors.py"]
    assert {str(path): roots(path) & outside for path in pure if roots(path) & outside} == {}


def test_only_the_settings_read_the_environment() -> None:
    readers = {path.name for path in sources() if "os" in roots(path)}
    assert readers == {"settings.py", "addresses.py"}  # a function's, and those of who uses a deployment


def test_every_setting_that_is_read_is_given_to_the_functions() -> None:
    read = set(re.findall(r'os\.environ(?:\[|\.get\()"(\w+)"', text("layers/shared/dropforge/adapters/settings.py")))
    given = set(template()["Globals"]["Function"]["Environment"]["Variables"])
    own = {name: set(p.get("Environment", {}).get("Variables", {})) for name, p in FUNCTIONS.items()}
    by_lambda = {"AWS_LAMBDA_FUNCTION_NAME"}
    assert read - given - by_lambda == own["PlanRun"] | own["RegisterDataset"] | own["Sweep"] | own["WatchJobs"]


def targets() -> list[tuple[str, Document]]:
    rules = resources("AWS::Events::Rule", transformed()).items()
    schedules = resources("AWS::Scheduler::Schedule", transformed()).items()
    return [*((n, t) for n, p in rules for t in p["Targets"]), *((n, p["Target"]) for n, p in schedules)]


@pytest.mark.parametrize(("rule", "target"), targets(), ids=[name for name, _ in targets()])
def test_what_a_target_cannot_take_goes_to_the_dead_letters(rule: str, target: Document) -> None:
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_events_come_from_s3_from_executions_from_the_registry_from_ourselves_and_from_the_clock() -> None:
    rules = resources("AWS::Events::Rule", transformed()).values()
    assert {s for rule in rules for s in rule["EventPattern"]["source"]} == {
        "aws.s3",
        "aws.states",
        "aws.sagemaker",
        "dropforge",
    }
    schedules = resources("AWS::Scheduler::Schedule", transformed()).values()
    assert {s["Target"]["Arn"]["Fn::GetAtt"][0]: s["ScheduleExpression"] for s in schedules} == {
        "WatchJobs": "rate(1 minute)",
        "Sweep": "rate(5 minutes)",
        "ReceiveDrop": {"Ref": "RetrainSchedule"},
    }


def test_training_again_is_off_until_somebody_names_a_dataset() -> None:
    schedules = resources("AWS::Scheduler::Schedule", transformed()).values()
    (again,) = (s for s in schedules if s["Target"]["Arn"] == {"Fn::GetAtt": ["ReceiveDrop", "Arn"]})
    assert again["State"] == {"Fn::If": ["Retrains", "ENABLED", "DISABLED"]}
    assert template()["Parameters"]["RetrainDataset"]["Default"] == ""
    sent = again["Target"]["Input"]["Fn::Sub"].replace("${RetrainDataset}", "zoo/birds")
    assert Retrain.model_validate_json(sent).retrain == "zoo/birds"


@pytest.mark.parametrize(
    "name",
    [
        "CancelRun",
        "RetryRun",
        "DescribeRun",
        "ListRuns",
        "PreviewRun",
        "RecallDataset",
        "ListModels",
        "TraceModel",
        "ApproveModel",
    ],
)
def test_a_function_that_answers_people_is_reached_by_a_url_that_iam_guards(name: str) -> None:
    assert FUNCTIONS[name]["FunctionUrlConfig"] == {"AuthType": "AWS_IAM"}
    (url,) = (p for n, p in resources("AWS::Lambda::Url", transformed()).items() if n == f"{name}Url")
    assert url["AuthType"] == "AWS_IAM"


@pytest.mark.parametrize("name", ["WatchJobs", "Sweep"])
def test_a_function_that_ticks_is_not_repeated_and_an_alarm_says_when_it_keeps_failing(name: str) -> None:
    alarms = resources("AWS::CloudWatch::Alarm", transformed()).values()
    assert FUNCTIONS[name]["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}
    assert any(a["MetricName"] == "Errors" and a["Dimensions"][0]["Value"] == {"Ref": name} for a in alarms)


def widgets() -> list[Document]:
    """The dashboard's widgets: its body without what Fn::Sub puts in."""
    (dashboard,) = resources("AWS::CloudWatch::Dashboard").values()
    body = re.sub(r"\$\{[^}]*\}", "x", dashboard["DashboardBody"]["Fn::Sub"])
    parsed: list[Document] = json.loads(body)["widgets"]
    return parsed


def shown() -> set[tuple[str, tuple[str, ...]]]:
    """Our metrics on the dashboard, by name and dimensions."""
    lines = [line for widget in widgets() for line in widget["properties"].get("metrics", [])]
    searches = [str(line[0]["expression"]) for line in lines if isinstance(line[0], dict)]
    found = [re.findall(r'\{Dropforge,environment,?([\w,]*)\} MetricName="(\w+)"', search) for search in searches]
    named = [(line[1], ()) for line in lines if line[0] == "Dropforge"]
    return {(name, tuple(filter(None, dims.split(",")))) for hits in found for dims, name in hits} | set(named)


def test_the_dashboard_shows_every_measure_with_its_dimensions_and_every_alarm() -> None:
    assert shown() == set(DIMENSIONS.items())
    body = resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    assert {f"${{{name}.Arn}}" in body for name in resources("AWS::CloudWatch::Alarm")} == {True}


def test_an_alarm_on_a_measure_names_one_that_is_emitted() -> None:
    alarms = [a for a in resources("AWS::CloudWatch::Alarm").values() if a["Namespace"] == "Dropforge"]
    assert {(a["MetricName"], tuple(d["Name"] for d in a["Dimensions"])) for a in alarms} == {
        (name, ("environment", *DIMENSIONS[name])) for name in ("WatchLag", "DefectFound", "IdleUsd")
    }


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_measure_is_documented_with_its_dimensions(name: str) -> None:
    told = ", ".join(f"`{dimension}`" for dimension in DIMENSIONS[name]) or "none"
    assert f"| `{name}` | {told} |" in text("docs/operations.md")


TICKING = ("WatchJobs", "Sweep")


def test_the_sweep_may_hand_a_dead_letter_back_to_everybody_who_hears_events() -> None:
    (resource,) = (s["Resource"] for s in statements(FUNCTIONS["Sweep"]) if "lambda:InvokeFunction" in s["Action"])
    allowed = {arn["Fn::Sub"].rpartition(":")[2] for arn in resource}
    heard = {name for name, properties in FUNCTIONS.items() if "Events" in properties} - {"WatchJobs"}
    assert allowed == {FUNCTIONS[name]["FunctionName"]["Fn::Sub"] for name in heard}


@pytest.mark.parametrize("name", [name for name, p in FUNCTIONS.items() if "Events" in p and name not in TICKING])
def test_an_event_that_a_function_could_not_work_on_goes_to_the_dead_letters(name: str) -> None:
    failed = FUNCTIONS[name]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
    assert failed == {"Type": "SQS", "Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_keeps_versions_encrypts_stays_private_tells_and_tidies_up(name: str) -> None:
    bucket = BUCKETS[name]
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": ["Key", "Arn"]}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"] is True
    assert {"unfinished-uploads", "old-versions"} <= {rule["Id"] for rule in bucket["LifecycleConfiguration"]["Rules"]}


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_refuses_unencrypted_transport(name: str) -> None:
    policies = [p for p in resources("AWS::S3::BucketPolicy").values() if p["Bucket"] == {"Ref": name}]
    (statement,) = [s for policy in policies for s in statements(policy)]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("name", [*BUCKETS, "Ledger", "Key"])
def test_what_cannot_be_made_again_outlives_the_stack(name: str) -> None:
    resource = template()["Resources"][name]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_ledger_can_be_restored_to_any_second_and_is_encrypted() -> None:
    ledger = resources("AWS::DynamoDB::Table")["Ledger"]
    assert ledger["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert ledger["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}


def test_every_log_group_forgets_and_every_function_writes_to_one() -> None:
    groups = resources("AWS::Logs::LogGroup")
    assert {name: p["RetentionInDays"] for name, p in groups.items()} == {
        name: {"Ref": "LogRetentionDays"} for name in ("FunctionLogs", "MachineLogs")
    }
    assert template()["Globals"]["Function"]["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionLogs"}
