"""Passports: the same arguments give the same digest, any change another one, and what lies there is believed only when it is whole."""

import hashlib
import json

import pytest
from dropforge.domain.passports import Code, agree, digest_of, is_whole, issue, metrics
from dropforge.errors import Conflict

from tests.builders import checkpoint, dataset, file, passport, planned, recipe, request, run


def test_the_digest_is_what_anybody_computes_from_the_document() -> None:
    document = json.loads(passport().model_dump_json())
    said = document.pop("digest")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert said == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_same_links_give_the_same_passport() -> None:
    assert passport() == passport()
    assert is_whole(passport())


def test_another_link_gives_another_digest() -> None:
    code = Code(version="1", digest="f" * 64)
    other = dataset(file(content="others"))
    made = {
        issue(planned(), run(), dataset(), checkpoint(), code).digest,
        issue(planned(of=other), run(), other, checkpoint(), code).digest,
        issue(planned(asked=request(steps=7)), run(), dataset(), checkpoint(), code).digest,
        issue(planned(by=recipe(description="another")), run(), dataset(), checkpoint(), code).digest,
        issue(planned(), run(attempt=2), dataset(), checkpoint(), code).digest,
        passport(held=checkpoint().model_copy(update={"digest": "e" * 64})).digest,
        issue(planned(), run(), dataset(), checkpoint(), Code(version="1", digest="e" * 64)).digest,
    }
    assert len(made) == 7


def test_what_was_changed_is_not_whole() -> None:
    assert not is_whole(passport().model_copy(update={"attempt": 9}))


def test_a_passport_that_says_the_same_stays_even_if_newer_code_would_write_it() -> None:
    there = passport()
    newer = issue(planned(), run(), dataset(), checkpoint(), Code(version="2", digest="e" * 64))
    assert agree(there, newer) == there


@pytest.mark.parametrize("broken", [False, True])
def test_a_passport_of_something_else_or_a_changed_one_is_a_conflict(broken: bool) -> None:
    there = passport(2)
    if broken:
        there = passport().model_copy(update={"digest": digest_of(there)})
    with pytest.raises(Conflict) as raised:
        agree(there, passport())
    assert raised.value.failure.code == "PassportDiffers"


def test_the_numbers_for_the_registry_leave_out_what_was_not_measured() -> None:
    bare = checkpoint().model_copy(update={"loss_before": None})
    assert metrics(passport(held=bare))["training_loss"] == {"after": 0.5}
