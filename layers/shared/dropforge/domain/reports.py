"""The report on a dataset: what is wrong, on which line, and what to change.

Faults reject a file, warnings do not. Only the first 20 of each kind are kept and all are counted, so a report is small whatever the file.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from dropforge.domain.checks import CHECKS
from dropforge.domain.values import Value

FIRST = 20  # how many findings of each kind are kept; all are counted
Role = Literal["train", "validation"]
FoundKind = Literal["sft", "dpo", ""]


class Fault(Value):
    """One finding. `line` counts from 1, 0 is the file as a whole; `column` is a byte position from 1 where it is known."""

    code: str
    why: str
    fix: str
    line: int = 0
    column: int | None = None

    @classmethod
    def of(cls, code: str, why: str = "", column: int | None = None) -> "Fault":
        """Build a finding whose line the report fills in. Without `why` it says what its kind means."""
        check = CHECKS[code]
        return cls(code=code, why=why or check.means, fix=check.fix, column=column)


class Report(Value):
    """What was found in one file. `faults` and `warnings` hold the first 20 of each kind; the counts count all of them.

    `text_bytes` is the UTF-8 of all text fields of the good rows, `longest_bytes` that of the longest of them. `tool_rows` call functions.
    """

    file: str
    role: Role = "train"
    kind: FoundKind = ""
    shape: str = ""
    rows: int
    good_rows: int
    tool_rows: int = 0
    text_bytes: int = 0
    longest_bytes: int = 0
    longest_line: int = 0
    counts: dict[str, int] = Field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    warning_counts: dict[str, int] = Field(default_factory=dict)
    warnings: tuple[Fault, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether every row can be trained on."""
        return not self.counts and self.rows > 0

    def summary(self, limit: int = 3) -> list[str]:
        """Return the first faults as lines for people."""
        return [f"{self.file}{f' line {f.line}' if f.line else ''}: {f.why} {f.fix}" for f in self.faults[:limit]]


class Findings:
    """Counts findings and keeps the first of each kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Count one finding."""
        self.counts[fault.code] += 1
        if self.counts[fault.code] <= FIRST:
            self.first.append(fault)

    def join(self, counts: dict[str, int], first: Iterable[Fault], shift: int = 0) -> None:
        """Count the findings of a later part whose lines start after `shift` lines."""
        kept = Counter(fault.code for fault in self.first)
        for fault in first:
            kept[fault.code] += 1
            if kept[fault.code] <= FIRST:
                self.first.append(fault.model_copy(update={"line": fault.line + shift}))
        self.counts.update(counts)


class ReportBuilder:
    """Counts lines, weighs rows and collects findings: memory does not grow with the file."""

    def __init__(self, file: str, role: Role = "train") -> None:
        self.file = file
        self.role = role
        self._good = 0
        self._tool_rows = 0
        self._text = 0
        self._longest = (0, 0)
        self.faults = Findings()
        self.warnings = Findings()
        self.line = 0
        self.kind: FoundKind = ""
        self.shape = ""

    def accept(self, sizes: list[int]) -> None:
        """Count a block of good rows, one per line, by the bytes of their texts."""
        self._good += len(sizes)
        self._text += sum(sizes)
        longest = max(sizes, default=0)
        if longest > self._longest[0]:
            self._longest = (longest, self.line + 1 + sizes.index(longest))
        self.line += len(sizes)

    def accept_line(self, size: int, tools: bool = False) -> None:
        """Count the current line as good."""
        self.line -= 1
        self.accept([size])
        self._tool_rows += tools

    def add(self, fault: Fault) -> None:
        """Count a finding on the current line."""
        found = self.faults if CHECKS[fault.code].level == "fault" else self.warnings
        found.add(fault.model_copy(update={"line": self.line}))

    def build(self) -> Report:
        """Return the finished report; a file without rows, and without another cause for that, has the fault NoRows."""
        if self.line == 0 and not self.faults.counts:
            self.add(Fault.of("NoRows"))
        return Report(
            file=self.file,
            role=self.role,
            kind=self.kind,
            shape=self.shape,
            rows=self.line,
            good_rows=self._good,
            tool_rows=self._tool_rows,
            text_bytes=self._text,
            longest_bytes=self._longest[0],
            longest_line=self._longest[1],
            counts=dict(self.faults.counts),
            faults=tuple(self.faults.first),
            warning_counts=dict(self.warnings.counts),
            warnings=tuple(self.warnings.first),
        )


def with_findings(report: Report, found: ReportBuilder) -> Report:
    """Return `report` with what a second pass over the same file has found."""
    faults, warnings = Findings(), Findings()
    faults.join(report.counts, report.faults)
    warnings.join(report.warning_counts, report.warnings)
    faults.join(found.faults.counts, found.faults.first)
    warnings.join(found.warnings.counts, found.warnings.first)
    return report.model_copy(
        update={
            "counts": dict(faults.counts),
            "faults": tuple(faults.first),
            "warning_counts": dict(warnings.counts),
            "warnings": tuple(warnings.first),
        }
    )


def merge(parts: Iterable[Report]) -> Report:
    """Return one report from those on byte ranges of one file, cut at line ends and in their order.

    A range of another kind or shape than those before it is one fault at its first line. A range without rows (NoRows) is no fault of the file.
    """
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
