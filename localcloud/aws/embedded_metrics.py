"""Metrics out of log lines, as CloudWatch Logs takes them: lines of JSON with `_aws.CloudWatchMetrics`.

By the specification of the embedded metric format: a line gives each of its metrics once for every set of its dimensions.
What is not such a line stays a line.
"""

import json
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

_MARK = '"_aws"'


def extract(log: str, account_id: str, region: str) -> None:
    """Keep the metrics that a function's log lines carry."""
    for line in log.splitlines():
        if line.startswith("{") and _MARK in line:
            _keep(line, account_id, region)


def _keep(line: str, account_id: str, region: str) -> None:
    try:
        document = json.loads(line)
    except ValueError:
        return
    backend = cloudwatch_backends[account_id][region]
    for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
        for names in directive.get("Dimensions", [[]]):
            data = [_datum(document, metric, names) for metric in directive["Metrics"] if metric["Name"] in document]
            backend.put_metric_data(directive["Namespace"], data)


def _datum(document: dict[str, Any], metric: dict[str, Any], names: list[str]) -> dict[str, Any]:
    value = document[metric["Name"]]
    values = {"Values": value} if isinstance(value, list) else {"Value": value}
    return {
        "MetricName": metric["Name"],
        "Unit": metric.get("Unit", "None"),
        "Timestamp": datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC).replace(tzinfo=None),
        "Dimensions": [{"Name": name, "Value": str(document[name])} for name in names],
        **values,
    }
