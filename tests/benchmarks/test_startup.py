"""The benchmark of starts measures what it says: bytecode that is used on one side, none on the other."""

from benchmarks import startup


def test_what_is_shipped_has_bytecode_that_is_valid_by_its_hash_and_what_is_plain_has_none() -> None:
    with startup.built() as folder:
        sources = [path for path in (folder / "shipped").rglob("*.py") if "__pycache__" not in path.parts]
        compiled = list((folder / "shipped").rglob("*.pyc"))
        assert len(compiled) == len(sources) > 300
        assert {path.read_bytes()[4:8] for path in compiled} == {b"\x01\x00\x00\x00"}
        assert list((folder / "plain").rglob("*.pyc")) == []
