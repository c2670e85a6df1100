"""The recipes as files: `recipes/` beside the code, in the repository and in the layer alike."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from dropforge.domain.recipes import Recipe, unknown
from dropforge.domain.values import explain
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
    return parse(name, (folder() / f"{name}.yaml").read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Recipe:
    """Return the recipe that a file says. Raises InvalidInput (UnknownRecipe) for what is none."""
    try:
        said = yaml.load(text, Loader=yaml.CSafeLoader)
        return Recipe.model_validate({"name": name, **(said if isinstance(said, dict) else {})})
    except yaml.YAMLError as error:
        raise InvalidInput("UnknownRecipe", f"{name}.yaml is not YAML: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        raise InvalidInput("UnknownRecipe", f"{name}.yaml is not a recipe: {explain(error)}") from error
