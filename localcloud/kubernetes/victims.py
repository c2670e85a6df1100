"""Who must go so that a Workload fits, by whichever of Kueue's two ways is switched on."""

from localcloud.kubernetes import fair_preemption, preemption
from localcloud.kubernetes.preemption_cases import Case, Target


def targets(case: Case) -> list[Target]:
    """Give the fewest Workloads that must go; none when nobody's going would help."""
    return fair_preemption.targets(case) if case.fair else preemption.targets(case)
