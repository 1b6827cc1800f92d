"""The atoms of expressions: numbers, variables, constants, fractions, roots, functions, sums, brackets."""

import abc
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from herokit_math.lexer import FUNCTIONS, Kind, Token
from herokit_math.limits import MAX_DEPTH, LimitError
from herokit_math.literals import repeating
from herokit_math.tree import INFINITY, Call, Const, Node, Num, Sym


class UnsupportedError(Exception):
    """The text is not an expression that this parser fully understands."""


_CLOSES = {"(": ")", "[": "]", "{": "}", "\\{": "\\}"}
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma",
    "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Sigma", "Phi", "Psi", "Omega", "ell", "ldots",
}  # fmt: skip
_DECORATIONS = {"overline", "vec", "hat", "bar", "angle", "triangle", "overrightarrow", "widehat", "tilde", "dot"}
_APPLIED = set("fghFGH")
_PLAIN_FUNCTIONS = set(FUNCTIONS.values()) - {"sqrt", "log", "lg", "cbrt"}
_INVERSE = {"sin": "asin", "cos": "acos", "tan": "atan"}


class Atoms(abc.ABC):
    """A cursor over tokens and one method an atom; `Expression` adds sums, products and powers."""

    def __init__(self, tokens: list[Token], *, colon_divides: bool = False) -> None:
        self.tokens = list(tokens)
        self.at = 0
        self.depth = 0
        self.bars = 0
        self.colon_divides = colon_divides

    @abc.abstractmethod
    def sum(self) -> Node: ...  # noqa: D102 - see Expression

    @abc.abstractmethod
    def power(self) -> Node: ...  # noqa: D102

    @abc.abstractmethod
    def product(self) -> Node: ...  # noqa: D102

    @abc.abstractmethod
    def starts_atom(self) -> bool: ...  # noqa: D102

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count one level of nesting, and refuse too many."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitError(f"nested deeper than {MAX_DEPTH}")
        yield
        self.depth -= 1

    def ended(self) -> bool:
        """Say whether every token is read."""
        return self.at >= len(self.tokens)

    def here(self) -> Token:
        """Return the next token."""
        if self.ended():
            raise UnsupportedError("ends too early")
        return self.tokens[self.at]

    def sees(self, *texts: str) -> bool:
        """Say whether the next token is one of `texts`, and no prose."""
        return not self.ended() and self.tokens[self.at].text in texts and self.tokens[self.at].kind != Kind.WORD

    def take(self, text: str | None = None) -> Token:
        """Return the next token and move on; with `text`, insist on it."""
        token = self.here()
        if text is not None and token.text != text:
            raise UnsupportedError(f"{text!r} expected, not {token.text!r}")
        self.at += 1
        return token

    def group(self, opening: str, closing: str) -> Node:
        """Read a bracketed expression."""
        self.take(opening)
        bars, self.bars = self.bars, 0
        node = self.sum()
        if self.sees("choose"):
            self.take()
            node = Call("binomial", (node, self.sum()))
        self.bars = bars
        self.take(closing)
        return node

    def skip_degree(self) -> bool:
        r"""Move past ``\circ`` or ``{\circ}``, if it is next."""
        texts = [t.text for t in self.tokens[self.at : self.at + 3]]
        width = 1 if texts[:1] == ["circ"] else 3 if texts == ["{", "circ", "}"] else 0
        self.at += width
        return width > 0

    def argument(self) -> Node:
        r"""Read what a command takes: a group, one digit, or one atom (``\frac12``)."""
        token = self.here()
        if token.text == "{":
            return self.group("{", "}")
        if token.kind == Kind.NUMBER and token.text.isdigit() and len(token.text) > 1:
            self.tokens[self.at] = Token(Kind.NUMBER, token.text[1:])
            return Num(Fraction(token.text[0]))
        return self.atom()

    def atom(self) -> Node:
        """Read one atom."""
        with self.nested():
            token = self.take()
            if token.kind == Kind.NUMBER:
                return self.number(token)
            if token.kind == Kind.VARIABLE:
                return self.variable(token.text)
            if token.kind == Kind.COMMAND:
                return self.command(token.text)
            if token.text in _CLOSES and token.kind == Kind.OPERATOR:
                self.at -= 1
                return self.group(token.text, _CLOSES[token.text])
            if token.text == "|" and token.kind == Kind.OPERATOR:
                return self.absolute()
        raise UnsupportedError(f"{token.text!r} is no part of an expression")

    def absolute(self) -> Node:
        """Read up to the bar that closes."""
        self.bars += 1
        node = self.sum()
        self.bars -= 1
        self.take("|")
        return Call("abs", (node,))

    def number(self, token: Token) -> Node:
        """Read a number: grouped digits, a mixed number, a repeating decimal."""
        digits = token.text
        if "\\" in digits:
            return repeating(digits)
        while len(token.text) <= 3 and "." not in digits and self._is_group():  # noqa: PLR2004
            digits += self.take().text
        value = Fraction(digits)
        if "." not in digits and (part := self._fraction_part()) is not None:
            return Num(value + part)
        if self.sees("_"):
            raise UnsupportedError("a number with a base")
        places = len(digits.lower().partition("e")[0].partition(".")[2]) if "." in digits else None
        return Num(value, places)

    def _is_group(self) -> bool:
        """Say whether three digits follow behind a space."""
        if self.ended():
            return False
        token = self.here()
        return token.kind == Kind.NUMBER and token.spaced and len(token.text) == 3 and token.text.isdigit()  # noqa: PLR2004

    def _fraction_part(self) -> Fraction | None:
        r"""Read the proper fraction of a mixed number: ``3\frac{1}{2}``, ``3 1/2``."""
        texts = [t.text for t in self.tokens[self.at : self.at + 7]]
        match texts:
            case ["frac", "{", top, "}", "{", bottom, "}"] if top.isdigit() and bottom.isdigit():
                width = 7
            case ["frac", both, *_] if len(both) == 2 and both.isdigit():  # noqa: PLR2004
                top, bottom, width = both[0], both[1], 2
            case [top, "/", bottom, *_] if top.isdigit() and bottom.isdigit() and self.here().spaced:
                width = 3
            case _:
                return None
        if not 0 < int(top) < int(bottom):
            return None
        self.at += width
        return Fraction(int(top), int(bottom))

    def variable(self, name: str) -> Node:
        """Read a variable with subscript and primes, an imaginary unit, Euler's number, or a named function's value."""
        subscript = self.subscript()
        while self.sees("'"):
            self.take()
            subscript += "'"
        if not subscript and name in {"i", "I"}:
            return Const("i")
        if not subscript and name == "e":
            return Const("e")
        if self.sees("(") and (name in _APPLIED or (name.isupper() and self._one_inside())):
            return Call("apply", (Sym(name + subscript), self.group("(", ")")))
        return Sym(name + subscript)

    def _one_inside(self) -> bool:
        return len(self.tokens) > self.at + 2 and self.tokens[self.at + 2].text == ")"

    def subscript(self) -> str:
        """Return the flattened text of a subscript, or an empty string."""
        if not self.sees("_"):
            return ""
        self.take()
        return "_" + self.flat()

    def flat(self) -> str:
        """Return the text of one group or token, unread."""
        if not self.sees("{"):
            return self.take().text
        depth = 0
        parts: list[str] = []
        while True:
            text = self.take().text
            depth += (text == "{") - (text == "}")
            if depth == 0:
                return "".join(parts[1:])
            parts.append(text)

    def command(self, name: str) -> Node:  # noqa: PLR0911 - one return a command
        """Read a command and its arguments."""
        if name == "frac":
            top = self.argument()
            return Call("div", (top, self.argument()))
        if name in {"sqrt", "cbrt"}:
            return self.root(name)
        if name in {"pi", "infty"}:
            return Const("pi") if name == "pi" else INFINITY
        if name in _GREEK:
            return Sym(name + self.subscript())
        if name == "binom":
            top = self.argument()
            return Call("binomial", (top, self.argument()))
        if name in _PLAIN_FUNCTIONS or name in {"log", "lg"}:
            return self.function(name)
        if name in {"lfloor", "lceil"}:
            node = self.sum()
            self.take("r" + name[1:])
            return Call(name[1:], (node,))
        if name in {"sum", "prod"}:
            return self.series(name)
        if name in _DECORATIONS:
            return Sym(f"{name} {self.flat()}")
        raise UnsupportedError(f"\\{name} is not supported")

    def root(self, name: str) -> Node:
        """Read a root and its degree."""
        degree: Node = Num(Fraction(3 if name == "cbrt" else 2))
        if self.sees("["):
            degree = self.group("[", "]")
        inside = self.group("{", "}") if self.sees("{") else self.atom()
        return Call("root", (inside, degree))

    def function(self, name: str) -> Node:
        """Read a function: its base, its power, and an argument with or without brackets."""
        base: Node | None = Num(Fraction(10)) if name == "lg" else None
        exponent: Node | None = None
        while self.sees("_", "^"):
            if self.take().text == "_":
                base = self.argument()
            else:
                exponent = self.group("{", "}") if self.sees("{") else self.atom()
        if exponent == Num(Fraction(-1)) and name in _INVERSE:
            name, exponent = _INVERSE[name], None
        args = self.function_arguments()
        if name in {"log", "lg"}:
            node = Call("log", (*args, base)) if base is not None else Call("ln", args)
        else:
            node = Call(name, args)
        return node if exponent is None else Call("pow", (node, exponent))

    def function_arguments(self) -> tuple[Node, ...]:
        """Read ``(a, b)``, ``{a}``, ``|a|``, or the factors up to the next function or sign."""
        if self.sees("(", "{", "[", "\\{"):
            closing = _CLOSES[self.take().text]
            args = [self.sum()]
            while self.sees(","):
                self.take()
                args.append(self.sum())
            self.take(closing)
            return tuple(args)
        factors = [self.power()]
        while (
            self.starts_atom()
            and not self.sees("(", "[", "{")
            and self.here().text not in _PLAIN_FUNCTIONS | {"log", "lg"}
        ):
            factors.append(self.power())
        return (factors[0] if len(factors) == 1 else Call("mul", tuple(factors)),)

    def series(self, name: str) -> Node:
        """Read a sum or product with its index and bounds."""
        self.take("_")
        self.take("{")
        index = self.atom()
        self.take("=")
        start = self.sum()
        self.take("}")
        self.take("^")
        stop = self.argument()
        if not isinstance(index, Sym | Const):
            raise UnsupportedError("a sum without an index")
        return Call(name, (self.product(), index, start, stop))
