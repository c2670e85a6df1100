"""Describe a run for people: where it is, why, and what it has made. It reads; it never writes."""

from dropforge.adapters import descriptions
from dropforge.domain.inputs import Question
from dropforge.domain.journeys import Journey
from dropforge.task import task


@task
def handler(question: Question) -> Journey:
    return descriptions.describe(question.reference)
