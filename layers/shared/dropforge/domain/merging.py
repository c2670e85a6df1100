"""One report from the reports on byte ranges of one file, in their order. Ranges must be cut at line ends.

A range without rows (NoRows) is no fault of the file. Lines of later ranges are counted on; what belongs to no line (line 0) stays there only
in the first range.
"""

from collections.abc import Iterable

from dropforge.domain.reports import Fault, Findings, Report


def merge(parts: Iterable[Report]) -> Report:
    """Return the report on the whole file. Ranges of another kind or shape than the first known one are one fault each, at their first line."""
    first, *rest = parts
    whole = first
    for part in rest:
        whole = _join(whole, part)
    return whole


def _join(whole: Report, part: Report) -> Report:
    if not part.rows and set(part.counts) <= {"NoRows"}:
        return whole
    if not whole.rows and set(whole.counts) <= {"NoRows"}:
        return part
    faults, warnings = Findings(), Findings()
    faults.join(whole.counts, whole.faults)
    for fault in _mixed(whole, part):
        faults.add(fault)
    faults.join(part.counts, part.faults, whole.rows)
    warnings.join(whole.warning_counts, whole.warnings)
    warnings.join(part.warning_counts, part.warnings, whole.rows)
    longest = max(whole, part, key=lambda one: one.longest_bytes)
    return Report(
        file=whole.file,
        role=whole.role,
        kind=whole.kind or part.kind,
        shape=whole.shape or part.shape,
        rows=whole.rows + part.rows,
        good_rows=whole.good_rows + part.good_rows,
        tool_rows=whole.tool_rows + part.tool_rows,
        text_bytes=whole.text_bytes + part.text_bytes,
        longest_bytes=longest.longest_bytes,
        longest_line=longest.longest_line + (whole.rows if longest is part and longest.longest_line else 0),
        counts=dict(faults.counts),
        faults=tuple(faults.first),
        warning_counts=dict(warnings.counts),
        warnings=tuple(warnings.first),
    )


def _mixed(whole: Report, part: Report) -> list[Fault]:
    if not part.shape or part.shape == (whole.shape or part.shape):
        return []
    code = "MixedShapes" if part.kind == whole.kind else "MixedKinds"
    why = f"The rows from here on are {part.kind} ({part.shape}), the rows before are {whole.kind} ({whole.shape})."
    return [Fault.of(code, why).model_copy(update={"line": whole.rows + 1})]
