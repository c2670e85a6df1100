"""Building the Job of a step, against reading the same Job as JSON: what SubmitJob decides must cost less than what it sends."""

import json

from dropforge.domain.jobs import render, to_json

from benchmarks.measure import Figure, compare
from tests import builders

MANY = 200


def run(size: int, rounds: int) -> list[Figure]:  # noqa: ARG001  one Job is one Job
    """Measure the building of one Job."""
    plan, data, run = builders.planned(), builders.dataset(), builders.run()
    text = to_json(render(plan, data, run, plan.steps[-1]))
    ours, theirs, ratio = compare(
        lambda: [to_json(render(plan, data, run, plan.steps[-1])) for _ in range(MANY)],
        lambda: [json.loads(text) for _ in range(MANY)],
        rounds,
    )
    return [
        Figure("building a Job", ours / MANY * 1e6, "CPU us"),
        Figure("reading it", theirs / MANY * 1e6, "CPU us"),
        Figure("building / reading", ratio, "x"),
    ]
