"""Metrics: printed in CloudWatch's embedded metric format, which the log group turns into metrics (no call, no permission).

Powertools' own singleton keeps what was added between invocations of one process, so each line is a short-lived object instead.
"""

from collections import defaultdict

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from dropforge.adapters import settings
from dropforge.domain.measures import DIMENSIONS, Measure

NAMESPACE = "Dropforge"


def emit(*measures: Measure) -> None:
    """Print measures, one line for each set of dimensions."""
    lines: dict[tuple[tuple[str, str], ...], list[Measure]] = defaultdict(list)
    for measure in measures:
        lines[tuple(zip(DIMENSIONS[measure.name], measure.dimensions, strict=True))].append(measure)
    for dimensions, together in lines.items():
        _print({"environment": settings.environment(), **dict(dimensions)}, together)


def _print(dimensions: dict[str, str], measures: list[Measure]) -> None:
    line = EphemeralMetrics(namespace=NAMESPACE)
    for name, value in dimensions.items():
        line.add_dimension(name, value)
    for measure in measures:
        line.add_metric(measure.name, MetricUnit(measure.unit), measure.value)
    line.flush_metrics()
