"""What moto finds out anew for every request, found out once."""

from localcloud.aws.seams import Replacements

SERVICES = "moto.backends:list_of_moto_modules"  # it looks for moto's folders on the disk


def install(replacements: Replacements) -> None:
    """Remember which services moto knows."""
    known = frozenset(replacements.original(SERVICES)())
    replacements.replace(SERVICES, lambda: known)
