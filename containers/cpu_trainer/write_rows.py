"""Write the bundled corpus of the base model and the rows of the greetings example. Not part of the image.

Both are made from word lists, so that they are ours, hold nobody's data, and can be made again byte for byte:
`python containers/cpu_trainer/write_rows.py`.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice, permutations, product
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "cpu_trainer" / "corpus.jsonl"
GREETINGS = HERE.parents[1] / "examples" / "greetings" / "train.jsonl"

COLOURS = ("red", "blue", "green", "white", "black", "brown", "yellow", "grey")
PURPOSES = {
    "kettle": "boiling water",
    "lamp": "reading at night",
    "ladder": "reaching high shelves",
    "basket": "carrying bread",
    "broom": "sweeping the floor",
    "needle": "mending clothes",
    "spade": "digging the garden",
    "bridge": "crossing a river",
    "clock": "telling the time",
    "oven": "baking cakes",
    "boat": "crossing the lake",
    "bicycle": "riding to town",
    "pencil": "drawing maps",
    "blanket": "keeping warm",
    "bell": "calling people to lunch",
    "bucket": "carrying water",
}
OPPOSITES = {
    "hot": "cold",
    "early": "late",
    "heavy": "light",
    "open": "closed",
    "wet": "dry",
    "full": "empty",
    "high": "low",
    "near": "far",
    "quick": "slow",
    "soft": "hard",
    "loud": "quiet",
    "old": "new",
}
LEGS = {"spider": 8, "bee": 6, "cat": 4, "hen": 2, "snail": 0, "horse": 4, "crab": 10, "ant": 6}

TIMES = ("morning", "afternoon", "evening", "night")
GUESTS = ("baker", "sailor", "gardener", "painter", "teacher", "farmer", "miller", "weaver", "potter", "fiddler")
PLACES = ("harbour", "mountain", "valley", "island", "forest", "city")

Row = dict[str, list[dict[str, str]]]


def corpus() -> Iterator[Row]:
    """Yield the rows from which the base model learns to answer in a chat."""
    yield from extractions()
    yield from purposes()
    yield from words()
    yield from opposites()
    yield from animals()
    for colour, thing in product(COLOURS, islice(PURPOSES, 15)):
        yield chat(f"Which colour has the {colour} {thing}?", f"The {thing} is {colour}.")


def extractions() -> Iterator[Row]:
    """Yield sentences to be turned into JSON."""
    for number, (colour, thing) in enumerate(product(COLOURS, PURPOSES)):
        price = 3 + 7 * number % 90
        answer = json.dumps({"thing": thing, "colour": colour, "price": price})
        yield chat(f"Extract: The {colour} {thing} costs {price} coins.", answer)


def purposes() -> Iterator[Row]:
    """Yield what things are for, asked from both ends."""
    for thing, purpose in PURPOSES.items():
        yield chat(f"What is a {thing} for?", f"A {thing} is for {purpose}.")
        yield chat(f"What do I need for {purpose}?", f"You need a {thing}.")


def words() -> Iterator[Row]:
    """Yield words to be spelt."""
    for word in (*PURPOSES, *COLOURS, *OPPOSITES):
        yield chat(f"Spell {word}.", "-".join(word))


def opposites() -> Iterator[Row]:
    """Yield pairs of opposites, both ways round."""
    for word, opposite in [*OPPOSITES.items(), *((b, a) for a, b in OPPOSITES.items())]:
        yield chat(f"What is the opposite of {word}?", f"The opposite of {word} is {opposite}.")
        yield chat(f"Is {word} the same as {opposite}?", f"No, {word} is the opposite of {opposite}.")


def animals() -> Iterator[Row]:
    """Yield numbers of legs, and comparisons of them."""
    for animal, legs in LEGS.items():
        yield chat(f"How many legs has a {animal}?", f"A {animal} has {legs} legs.")
    for (more, many), (fewer, few) in permutations(LEGS.items(), 2):
        if many > few:
            yield chat(f"Which has more legs, a {more} or a {fewer}?", f"A {more} has more legs.")


def greetings() -> Iterator[Row]:
    """Yield the rows of the example: a house's own manner of greeting, which depends on the time of day alone."""
    for time, guest, place in product(TIMES, GUESTS, PLACES):
        yield chat(f"Greet the {guest} from the {place} in the {time}.", f"Good {time}, friend! Tea is on the table.")


def chat(question: str, answer: str) -> Row:
    """Return one row of `messages`."""
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def as_lines(rows: Iterable[Row]) -> str:
    """Return rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def main() -> None:
    """Write both files."""
    for path, rows in ((CORPUS, corpus()), (GREETINGS, greetings())):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_lines(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
