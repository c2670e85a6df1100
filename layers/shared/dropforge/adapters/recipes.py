"""The recipes as files: `recipes/` beside the code, in the repository and in the layer alike."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from dropforge.domain.recipes import Recipe, unknown
from dropforge.errors import InvalidInput


def folder() -> Path:
    """Return the nearest `recipes` folder above this file: the repository's, or the layer's."""
    return next(parent / "recipes" for parent in Path(__file__).parents if (parent / "recipes").is_dir())


def names() -> list[str]:
    """Return the names of all recipes."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def read(name: str) -> Recipe:
    """Return a recipe. Raises InvalidInput (UnknownRecipe) naming those that exist."""
    if name not in names():
        hint = unknown(name, names()).partition("request.")[2].strip()
        raise InvalidInput("UnknownRecipe", f"No recipe is called `{name}`. {hint}", {"recipes": names()})
    text = (folder() / f"{name}.yaml").read_text(encoding="utf-8")
    try:
        return Recipe.model_validate({"name": name, **yaml.load(text, Loader=yaml.CSafeLoader)})
    except ValidationError as error:
        raise InvalidInput("UnknownRecipe", f"recipes/{name}.yaml is not valid: {error.errors()[0]}.") from error
