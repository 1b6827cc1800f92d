"""Problems of our own: stories of two to five steps, with the program that solves them, in several wordings."""

# ruff: noqa: PLR2004 - probabilities and ranges are the data here

import random

from plant import Eq, Ref, Solution, show

NAMES = [
    "Tom",
    "Ana",
    "Wei",
    "Omar",
    "Lena",
    "Ravi",
    "Sofia",
    "Jack",
    "Mina",
    "Paul",
    "Yuki",
    "Nina",
    "Carlos",
    "Aisha",
    "Leo",
    "Zoe",
]
UNSEEN_NAMES = ["Ingrid", "Kwame", "Priya", "Mateo", "Hana", "Bjorn"]
ITEMS = [
    "apples",
    "pens",
    "marbles",
    "stickers",
    "books",
    "coins",
    "shells",
    "cards",
    "eggs",
    "tickets",
    "cookies",
    "beads",
    "stamps",
    "pears",
    "cups",
]
UNSEEN_ITEMS = ["lanterns", "ribbons", "bricks", "whistles", "maps"]

# Every change of the amount: operator -> wordings; the last two of each are kept for the held-out set.
CHANGES = {
    "+": [
        "{n} gets {b} more.", "Then {b} more {i} arrive.", "A friend gives {n} {b} {i}.", "{n} buys another {b}.",
        "Later {n} finds {b} {i} in a box.", "{b} {i} are added.", "Grandma brings {b} extra {i}.",
    ],
    "-": [
        "{n} gives away {b}.", "Then {n} loses {b} {i}.", "{b} {i} are sold.", "{n} uses {b} of them.",
        "A neighbor takes {b} {i} home.", "{b} of the {i} turn out to be broken.", "{n} hands {b} {i} to a cousin.",
    ],
    "*": [
        "The total then becomes {b} times as large.", "{n} multiplies the amount by {b}.", "Each of the {i} costs ${b}; think of the total cost.",
        "There are {b} such boxes.", "Everyone of {b} children has that many.", "The same amount comes every day for {b} days.", "A set like this is made {b} times.",
    ],
    "/": [
        "They are split equally into {b} groups; take one group.", "The amount is divided by {b}.", "{b} friends share all of it equally; take one share.",
        "It is spread over {b} days; count one day.", "Packed into bags of {b}, count the bags.", "All are dealt out evenly among {b} tables; count one table.",
    ],
}  # fmt: skip
SIDE = [
    "A shop sells {a} boxes of {i} with {b} in each box.", "{n} has {a} bags that hold {b} {i} each.", "{a} shelves carry {b} {i} each.",
    "{n} buys {a} {i} at ${b} apiece.", "In each of {a} rooms lie {b} {i}.",
]  # fmt: skip
ASKS = [
    "How many {i} in the end?",
    "How much is it in total?",
    "What number is left at the end?",
    "What is the final count?",
]
SAY = [
    ("", ""),
    ("So ", "."),
    ("That makes ", " {i}."),
    ("{n} now has ", " {i}"),
    ("Next, ", ""),
    ("Now compute ", "."),
]


def make(r: random.Random, *, unseen: bool = False) -> tuple[str, Solution, list[str]]:
    """Make one problem: its text, its solution, the numbers it mentions.

    Args:
        r: the only source of randomness.
        unseen: use only wordings, names and things that training never uses.
    """
    fill = {"n": r.choice(UNSEEN_NAMES if unseen else NAMES), "i": r.choice(UNSEEN_ITEMS if unseen else ITEMS)}
    lines: list[list[str | Ref | Eq]] = []
    numbers: list[str] = []
    before, after = (x.format(**fill) for x in r.choice(SAY))

    def step(*tokens: str | Ref) -> Ref:
        lines.append([before, Eq(list(tokens)), after])
        return Ref(len(lines) - 1)

    if r.random() < 0.5:
        a, b = r.randint(2, 15), r.randint(2, 15)
        story, amount, value = _pick(r, SIDE, unseen=unseen, **fill, a=a, b=b), step(str(a), "*", str(b)), a * b
        numbers += [str(a), str(b)]
    else:
        value = r.randint(3, 99)
        story, amount = f"{fill['n']} has {value} {fill['i']}.", str(value)
        numbers.append(amount)
    for _ in range(r.choice([1, 2, 2, 3])):
        op, b = _change(r, value)
        value = {"+": value + b, "-": value - b, "*": value * b, "/": value // b}[op]
        story += " " + _pick(r, CHANGES[op], unseen=unseen, **fill, b=b)
        numbers.append(str(b))
        amount = step(amount, op, str(b))
    story += " " + _pick(r, ASKS, unseen=unseen, **fill)
    return story, Solution(lines, amount, float(value)), numbers


def _pick(r: random.Random, wordings: list[str], *, unseen: bool, **fill: object) -> str:
    known = wordings[:-2] if len(wordings) > 5 else wordings[:-1]
    text = r.choice([w for w in wordings if (w not in known) == unseen]).format(**fill)
    return text[0].upper() + text[1:]


def _change(r: random.Random, value: int) -> tuple[str, int]:
    while True:
        op = r.choices("+-*/", [4, 4, 2, 2])[0]
        b = r.randint(2, 9) if op in "*/" else r.randint(2, 99)
        if (
            (op == "+")
            or (op == "-" and b < value)
            or (op == "*" and value < 200)
            or (op == "/" and value % b == 0 and value > b)
        ):
            return op, b


if __name__ == "__main__":
    from plant import write

    r = random.Random(1)
    for _ in range(4):
        text, solution, numbers = make(r)
        print(text, write(r, solution, numbers, 0.2), show(solution.gold), sep="\n")
