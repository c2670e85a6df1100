"""Passports in the models bucket, beside their models: written once, before the model is registered, and read back by everybody else."""

from pydantic import ValidationError

from dropforge.adapters import settings, storage
from dropforge.domain.passports import METRICS, Passport, agree, is_whole, key_of, metrics
from dropforge.errors import Conflict

MAX_BYTES = 256 * 1024  # far more than a passport has


def keep(passport: Passport) -> Passport:
    """Write a passport and its metrics and return the one that is there now. Raises Conflict (PassportDiffers) over another model's."""
    bucket, place = settings.models_bucket(), _place(passport)
    if not storage.write_newer(bucket, place, passport.model_dump_json(indent=1), "application/json", None):
        passport = agree(_read(bucket, place), passport)
    storage.write_json(bucket, _place(passport, METRICS), metrics(passport))
    return passport


def find(project: str, run_id: str, attempt: int) -> Passport | None:
    """Return the passport of an attempt; None when there is none. Raises Conflict (PassportDiffers) when it was changed."""
    bucket, place = settings.models_bucket(), key_of(project, run_id, attempt)
    tag, text = storage.etag_and_text(bucket, place, MAX_BYTES)
    return _parse(place, text) if tag is not None else None


def uri(passport: Passport, name: str = "passport.json") -> str:
    """Return where a passport lies, or what lies beside it."""
    return f"s3://{settings.models_bucket()}/{_place(passport, name)}"


def _place(passport: Passport, name: str = "passport.json") -> str:
    return key_of(passport.project, passport.run_id, passport.attempt, name)


def _read(bucket: str, place: str) -> Passport:
    return _parse(place, storage.etag_and_text(bucket, place, MAX_BYTES)[1])


def _parse(place: str, text: str) -> Passport:
    try:
        passport = Passport.model_validate_json(text)
    except ValidationError as error:
        raise Conflict("PassportDiffers", f"`{place}` cannot be read as a passport.", {"key": place}) from error
    if not is_whole(passport):
        raise Conflict("PassportDiffers", f"`{place}` was changed since it was written.", {"key": place})
    return passport
