"""A pickle's content without unpickling: nothing is imported and nothing is called.

`pickle` runs what a file tells it to, so a checkpoint's `.metadata` is never given to it. Here its opcodes (read by the standard library's
`pickletools`) move plain lists, and what would be a class, a call or an object becomes a `Made` that only remembers its name and arguments.
Shared parts stay shared, so memory is bounded by the number of opcodes; readers of the result look at fixed places and never walk all of
it, because a few bytes can describe endless nesting.
"""

import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

MOST_OPCODES = 30_000_000
LONGEST = 256 << 20  # bytes


class UnreadableError(Exception):
    """The bytes are no pickle, or use more of the language than a checkpoint does."""


class Name(NamedTuple):
    """A class or function that the pickle names; only its name is known."""

    module: str
    name: str


class Pairs(list[tuple[Any, Any]]):
    """A dictionary's keys and values in their order; keys need not be hashable."""

    def named(self) -> dict[str, Any]:
        """Return what has a string for its key."""
        return {key: value for key, value in self if isinstance(key, str)}


class Made:
    """What a call would have made: of what, from which arguments, and the state and items that were set on it."""

    __slots__ = ("arguments", "items", "maker", "state")

    def __init__(self, maker: Any, arguments: Any) -> None:
        self.maker, self.arguments = maker, arguments
        self.state: Any = None
        self.items = Pairs()

    def fields(self) -> dict[str, Any]:
        """Return the attributes that were set on it, by name."""
        return self.state.named() if isinstance(self.state, Pairs) else {}

    def is_a(self, name: str) -> bool:
        """Whether it was made by something with this name."""
        return isinstance(self.maker, Name) and self.maker.name == name


class _Mark:
    """Where a list of arguments begins on the stack."""


class _Machine:
    """The stack and the memo of a pickle that is being read."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def since_mark(self) -> list[Any]:
        """Take everything above the last mark, and the mark."""
        at = len(self.stack) - 1
        while not isinstance(self.stack[at], _Mark):
            at -= 1
            if at < 0:
                raise UnreadableError("a list has no beginning")
        taken = self.stack[at + 1 :]
        del self.stack[at:]
        return taken

    def push(self, value: Any) -> None:
        """Put a value on top."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the top."""
        return self.stack.pop()

    def call(self, arguments: Any, maker: Any) -> None:
        """Put what a call would make on top."""
        is_new = isinstance(maker, Name) and maker.name == "__newobj__" and isinstance(arguments, tuple) and arguments
        self.push(Made(arguments[0], arguments[1:]) if is_new else Made(maker, arguments))

    def fill(self, pairs: list[Any]) -> None:
        """Set items of what is on top."""
        top = self.stack[-1]
        target = top.items if isinstance(top, Made) else top
        if not isinstance(target, Pairs) or len(pairs) % 2:
            raise UnreadableError("items are set on what holds none")
        target.extend(zip(pairs[::2], pairs[1::2], strict=True))

    def grow(self, values: list[Any]) -> None:
        """Append to what is on top; of an object's own list only the fact matters."""
        top = self.stack[-1]
        if isinstance(top, list) and not isinstance(top, Pairs):
            top.extend(values)
        elif not isinstance(top, Made):
            raise UnreadableError("values are appended to what holds none")

    def build(self, state: Any) -> None:
        """Set the state of what is on top."""
        if not isinstance(self.stack[-1], Made):
            raise UnreadableError("a state is set on what has none")
        self.stack[-1].state = state


def _named(machine: _Machine, argument: Any) -> None:
    module, _, name = str(argument).partition(" ")
    machine.push(Name(module, name))


def _stack_global(machine: _Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(Name(str(module), str(name)))


def _inst(machine: _Machine, argument: Any) -> None:
    arguments = tuple(machine.since_mark())
    _named(machine, argument)
    machine.call(arguments, machine.pop())


def _obj(machine: _Machine, _: Any) -> None:
    maker, *arguments = machine.since_mark()
    machine.call(tuple(arguments), maker)


def _newobj_ex(machine: _Machine, _: Any) -> None:
    _, arguments, maker = machine.pop(), machine.pop(), machine.pop()
    machine.call(arguments, maker)


def _dictionary(machine: _Machine, _: Any) -> None:
    pairs = machine.since_mark()
    machine.push(Pairs())
    machine.fill(pairs)


def _last(count: int) -> "Step":
    def step(machine: _Machine, _: Any) -> None:
        if len(machine.stack) < count:
            raise UnreadableError("the stack is too short")
        taken = tuple(machine.stack[len(machine.stack) - count :])
        del machine.stack[len(machine.stack) - count :]
        machine.push(taken)

    return step


def _set(index: Callable[[_Machine, Any], int]) -> "Step":
    return lambda machine, argument: machine.memo.__setitem__(index(machine, argument), machine.stack[-1])


Step = Callable[[_Machine, Any], None]
_PUSHES: Step = _Machine.push
_STEPS: dict[str, Step] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda _, __: None),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"), _PUSHES),
    **dict.fromkeys(
        ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _PUSHES
    ),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _PUSHES),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "MARK": lambda m, _: m.push(_Mark()),
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_SET"), lambda m, _: m.push([])),
    **dict.fromkeys(("LIST", "FROZENSET"), lambda m, _: m.push(m.since_mark())),
    "EMPTY_DICT": lambda m, _: m.push(Pairs()),
    "DICT": _dictionary,
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "TUPLE": lambda m, _: m.push(tuple(m.since_mark())),
    "TUPLE1": _last(1),
    "TUPLE2": _last(2),
    "TUPLE3": _last(3),
    "APPEND": lambda m, _: m.grow([m.pop()]),
    **dict.fromkeys(("APPENDS", "ADDITEMS"), lambda m, _: m.grow(m.since_mark())),
    "SETITEM": lambda m, _: m.fill([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m.fill(m.since_mark()),
    "GLOBAL": _named,
    "STACK_GLOBAL": _stack_global,
    **dict.fromkeys(("REDUCE", "NEWOBJ"), lambda m, _: m.call(m.pop(), m.pop())),
    "NEWOBJ_EX": _newobj_ex,
    "INST": _inst,
    "OBJ": _obj,
    "BUILD": lambda m, _: m.build(m.pop()),
    "MEMOIZE": _set(lambda m, _: len(m.memo)),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _set(lambda _, argument: argument)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, argument: m.push(m.memo[argument])),
    "PERSID": lambda m, argument: m.call((argument,), Name("", "persistent")),
    "BINPERSID": lambda m, _: m.call(m.pop(), Name("", "persistent")),
    "POP": lambda m, _: m.stack.__delitem__(-1),
    "POP_MARK": lambda m, _: m.since_mark().clear(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
}


def look(raw: bytes) -> Any:
    """Return what a pickle describes, made of plain values, `Pairs`, `Name` and `Made`. Raises UnreadableError."""
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(raw)):
            if count > MOST_OPCODES:
                raise UnreadableError(f"it has more than {MOST_OPCODES:,} instructions")
            if opcode.name not in _STEPS:
                raise UnreadableError(f"it holds the instruction {opcode.name}, which no checkpoint needs")
            _STEPS[opcode.name](machine, argument)
        return machine.pop()
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise UnreadableError("it is no pickle, or is cut short") from error
