"""The report on a dataset: what is wrong, on which line, and what to change."""

from collections import Counter

from pydantic import Field

from dropforge.domain.values import Value

FIRST = 20  # how many faults of each kind are kept; all are counted


class Fault(Value):
    """One fault. `line` counts from 1; `column` is a byte position from 1 where it is known."""

    code: str
    why: str
    fix: str
    line: int = 0
    column: int | None = None

    @classmethod
    def of(cls, code: str, why: str, fix: str, column: int | None = None) -> "Fault":
        """Build a fault whose line the report fills in."""
        return cls(code=code, why=why, fix=fix, column=column)


class Report(Value):
    """What was found in one file. `faults` holds the first 20 of each kind; `counts` counts all of them."""

    file: str
    kind: str
    rows: int
    good_rows: int
    counts: dict[str, int] = Field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether every row can be trained on."""
        return not self.counts and self.rows > 0

    def summary(self, limit: int = 3) -> list[str]:
        """Return the first faults as lines for people."""
        return [f"{self.file}{f' line {f.line}' if f.line else ''}: {f.why} {f.fix}" for f in self.faults[:limit]]


class ReportBuilder:
    """Counts lines and keeps the first faults of each kind: memory does not grow with the file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._line = 0
        self._good = 0
        self._counts: Counter[str] = Counter()
        self._faults: list[Fault] = []

    def accept(self, rows: int, lines: bytes) -> None:
        """Count a block of good rows; `lines` has one row per line."""
        self._line += lines.count(b"\n") + 1
        self._good += rows

    def next_line(self) -> None:
        """Move to the next line."""
        self._line += 1

    def accept_line(self) -> None:
        """Count the current line as good."""
        self._good += 1

    def add(self, fault: Fault) -> None:
        """Count a fault on the current line."""
        self._counts[fault.code] += 1
        if self._counts[fault.code] <= FIRST:
            self._faults.append(fault.model_copy(update={"line": self._line}))

    def fault(self, code: str, why: str, fix: str) -> None:
        """Count a fault on the current line by its parts."""
        self.add(Fault.of(code, why, fix))

    def build(self, kind: str) -> Report:
        """Return the finished report; a file without rows, and without another cause for that, has the fault NoRows."""
        if self._line == 0 and not self._counts:
            self.fault("NoRows", "The file has no rows.", "Check the export that wrote it.")
        return Report(
            file=self._file,
            kind=kind,
            rows=self._line,
            good_rows=self._good,
            counts=dict(self._counts),
            faults=tuple(self._faults),
        )
