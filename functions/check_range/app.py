"""Check one range of a large upload; CheckDataset joins what all of them found."""

from dropforge.adapters import readings
from dropforge.domain.inputs import RangeRead, ToCheckRange
from dropforge.task import task


@task
def handler(to_check: ToCheckRange) -> RangeRead:
    readings.read_range(to_check.manifest, to_check.number)
    return RangeRead(number=to_check.number)
