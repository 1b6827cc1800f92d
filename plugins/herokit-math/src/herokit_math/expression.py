"""Parse tokens into an expression tree: recursive descent with limited depth; rejects unsupported tokens."""

import re
from fractions import Fraction

from herokit_math.lexer import FUNCTIONS, Token, TokenKind, parse_repeating_decimal
from herokit_math.limits import MAX_DEPTH, LimitError
from herokit_math.tree import (
    INFINITY,
    Call,
    Const,
    Node,
    Num,
    Sym,
    make_determinant,
    make_double_factorial,
    make_selection,
    multiply,
    negate,
)

__all__ = ["GREEK_LETTERS", "UnsupportedError", "parse_expression"]


class UnsupportedError(Exception):
    """The parser does not support the text."""


_NUMBER, _VARIABLE, _COMMAND, _WORD, _OPERATOR, _ = TokenKind  # an attribute of an enumeration takes longer
_QUOTIENTS = {"/": "div", ":": "div", "bmod": "mod"}
_POSTFIX = {"!", "%", "^", "circ"}
_CLOSING_BRACKETS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}"}
GREEK_LETTERS = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma",
    "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Sigma", "Phi", "Psi", "Omega", "ell", "ldots",
    "hbar", "iota", "upsilon", "Upsilon", "Xi", "Pi", "varrho", "varsigma", "varpi", "imath", "jmath", "aleph",
}  # fmt: skip
_DECORATIONS = {"overline", "vec", "hat", "bar", "angle", "triangle", "overrightarrow", "widehat", "tilde", "dot"}
_MATRIX_ENVIRONMENTS = {"vmatrix", "pmatrix", "bmatrix", "matrix"}
_MAX_COMBINATION_DIGITS = 8
_POWER = re.compile(r"\^ (?:(\d+)|\{ (\d+) \})(?: |$)")  # tokens of a power, with blanks between them
_MAX_DETERMINANT_ROWS = 4
_FUNCTION_NAMES = set("fghFGH")
_FUNCTION_COMMANDS = set(FUNCTIONS.values()) - {"sqrt", "cbrt"}
_INVERSE = {
    "sin": "asin", "cos": "acos", "tan": "atan", "sec": "asec", "csc": "acsc", "cot": "acot", "sinh": "asinh", "cosh": "acosh",
    "tanh": "atanh",
}  # fmt: skip
_OPENING = {"(", "{", "[", "|", "\\|"}
_OPERATOR_COMMANDS = {
    "*", "/", "in", "cup", "cap", "to", "Rightarrow", "implies", "iff", "approx", "pm", "mp", "rfloor", "rceil", "setminus",
    "choose", "pmod", "bmod", "quad", "sim", "cong", "equiv", "parallel", "perp", "circ", "prime", "subset",
    "cr", "end",
}  # fmt: skip


class _ExpressionParser:
    """Token cursor with one method per kind of expression: sums, products, powers, and their atoms."""

    def __init__(self, tokens: list[Token], *, colon_divides: bool = False) -> None:
        self.tokens = list(tokens)
        self.position = 0
        self.depth = 0
        self.open_bars = 0
        self.index_names: set[str] = set()
        self.colon_divides = colon_divides

    def enter_level(self) -> None:
        """Count one level of nesting; raise LimitError if there are too many."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitError(f"nested deeper than {MAX_DEPTH}")

    def is_at_end(self) -> bool:
        """Return whether all tokens are consumed."""
        return self.position >= len(self.tokens)

    def peek(self) -> Token:
        """Return the next token."""
        if self.is_at_end():
            raise UnsupportedError("unexpected end")
        return self.tokens[self.position]

    def next_is(self, *texts: str) -> bool:
        """Return whether the next token has one of `texts` and is not a word."""
        if self.position >= len(self.tokens):
            return False
        token = self.tokens[self.position]
        return token.text in texts and token.kind != _WORD

    def advance(self, text: str | None = None) -> Token:
        """Consume and return the next token; raise UnsupportedError if it is not `text`."""
        token = self.peek()
        if text is not None and token.text != text:
            raise UnsupportedError(f"expected {text!r}, got {token.text!r}")
        self.position += 1
        return token

    def parse_sum(self) -> Node:
        """Parse terms joined by + and -."""
        self.enter_level()
        terms = [self.parse_product()]
        while self.next_is("+", "-"):
            sign = self.advance().text
            term = self.parse_product()
            terms.append(term if sign == "+" else negate(term))
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Call("add", tuple(terms))

    def parse_product(self) -> Node:
        """Parse factors joined by a multiplication sign, a division sign, or nothing."""
        left = self.parse_signed()
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            text = "" if token.kind == _WORD else token.text
            if text == "*":
                self.position += 1
                left = multiply(left, self.parse_signed())
            elif text in _QUOTIENTS and (text != ":" or self.colon_divides):
                self.position += 1
                left = Call(_QUOTIENTS[text], (left, self.parse_signed()))
            elif self.starts_atom():
                if token.kind == _NUMBER and self.tokens[self.position - 1].kind == _NUMBER:
                    raise UnsupportedError("two numbers side by side")
                left = multiply(left, self.parse_power())
            else:
                break
        return left

    def parse_signed(self) -> Node:
        """Parse a factor with its signs."""
        is_negative = False
        while self.next_is("+", "-"):
            is_negative ^= self.advance().text == "-"
        node = self.parse_power()
        return negate(node) if is_negative else node

    def parse_power(self) -> Node:
        """Parse an atom with its factorials, percent signs, degree signs and exponents."""
        node = self.parse_atom()
        while self.position < len(self.tokens) and self.tokens[self.position].text in _POSTFIX:
            if self.next_is("!"):
                self.advance()
                is_double = self.next_is("!") and bool(self.advance())
                node = make_double_factorial(node) if is_double else Call("factorial", (node,))
            elif self.next_is("%"):
                self.advance()
                node = Call("percent", (node,))
            elif self.next_is("^"):
                self.advance()
                if self.skip_degree():
                    node = Call("degree", (node,))
                else:
                    self.enter_level()
                    node = Call("pow", (node, self.parse_exponent()))
                    self.depth -= 1
            elif self.next_is("circ"):
                self.advance()
                node = Call("degree", (node,))
            else:
                break
        return node

    def parse_exponent(self) -> Node:
        """Parse an exponent: a group or a signed factor."""
        if self.next_is("{"):
            return self.parse_group("{", "}")
        if self.next_is("-", "+"):
            sign = self.advance().text
            node = self.parse_exponent()
            return negate(node) if sign == "-" else node
        return self.parse_power() if not self.next_is("(") else self.parse_group("(", ")")

    def starts_atom(self) -> bool:
        """Return whether an atom can start with the next token."""
        if self.position >= len(self.tokens):
            return False
        token = self.tokens[self.position]
        if token.kind in (_NUMBER, _VARIABLE):
            return True
        if token.kind == _COMMAND:
            return token.text not in _OPERATOR_COMMANDS
        closes_bar = token.text in {"|", "\\|"} and self.open_bars > 0
        return token.kind == _OPERATOR and token.text in _OPENING and not closes_bar

    def parse_group(self, opening: str, closing: str) -> Node:
        """Parse an expression in brackets."""
        self.advance(opening)
        bars, self.open_bars = self.open_bars, 0
        node = self.parse_sum()
        if self.next_is("choose"):
            self.advance()
            node = Call("binomial", (node, self.parse_sum()))
        self.open_bars = bars
        self.advance(closing)
        return node

    def skip_degree(self) -> bool:
        r"""Consume ``\circ`` or ``{\circ}``; return whether it was the next token."""
        texts = [t.text for t in self.tokens[self.position : self.position + 3]]
        width = 1 if texts[:1] == ["circ"] else 3 if texts == ["{", "circ", "}"] else 0
        self.position += width
        return width > 0

    def parse_argument(self) -> Node:
        r"""Parse a command's argument: a group, one digit, or one atom (``\frac12``)."""
        token = self.peek()
        if token.text == "{":
            return self.parse_group("{", "}")
        if token.kind == _NUMBER and token.text.isdigit() and len(token.text) > 1:
            self.tokens[self.position] = Token(_NUMBER, token.text[1:])
            return Num(Fraction(token.text[0]))
        return self.parse_atom()

    def parse_atom(self) -> Node:
        """Parse one atom."""
        self.enter_level()
        token = self.advance()
        if token.kind == _NUMBER:
            node = self.parse_number(token)
        elif token.kind == _VARIABLE:
            node = self.parse_variable(token.text)
        elif token.kind == _COMMAND:
            node = self.parse_command(token.text)
        elif token.kind == _OPERATOR and token.text in _CLOSING_BRACKETS:
            self.position -= 1
            node = self.parse_group(token.text, _CLOSING_BRACKETS[token.text])
        elif token.kind == _OPERATOR and token.text in {"|", "\\|"}:
            node = self.parse_absolute_value(token.text)
        else:
            raise UnsupportedError(f"{token.text!r} is not part of an expression")
        self.depth -= 1
        return node

    def parse_absolute_value(self, bar: str) -> Node:
        """Parse up to the closing bar; double bars are a norm, an unknown function."""
        self.open_bars += 1
        node = self.parse_sum()
        self.open_bars -= 1
        self.advance(bar)
        return Call("abs", (node,)) if bar == "|" else Call("apply", (Sym("norm"), node))

    def parse_number(self, token: Token) -> Node:
        """Parse a number: grouped digits, a mixed number, a repeating decimal."""
        digits = token.text
        if "\\" in digits:
            return Num(parse_repeating_decimal(digits))
        while len(token.text) <= 3 and "." not in digits and self._digit_group_follows():  # noqa: PLR2004
            digits += self.advance().text
        value = Fraction(int(digits)) if digits.isdigit() else Fraction(digits)
        if "." not in digits and (part := self._parse_fraction_part()) is not None:
            return Num(value + part)
        if self.next_is("_"):
            raise UnsupportedError("a number with a base")
        mantissa, _, exponent = digits.lower().partition("e")
        places = len(mantissa.partition(".")[2]) - int(exponent or 0) if "." in digits else None
        return Num(value, places)

    def _digit_group_follows(self) -> bool:
        """Return whether a space and three digits follow."""
        if self.is_at_end():
            return False
        token = self.peek()
        return token.kind == _NUMBER and token.after_space and len(token.text) == 3 and token.text.isdigit()  # noqa: PLR2004

    def _parse_fraction_part(self) -> Fraction | None:
        r"""Parse the proper fraction of a mixed number: ``3\frac{1}{2}``, ``3 1/2``; None if there is none."""
        if self.is_at_end() or not (self.peek().text == "frac" or self.peek().after_space):
            return None
        match [t.text for t in self.tokens[self.position : self.position + 7]]:
            case ["frac", "{", top, "}", "{", bottom, "}"] if top.isdigit() and bottom.isdigit():
                width = 7
            case ["frac", both, *_] if len(both) == 2 and both.isdigit():  # noqa: PLR2004
                top, bottom, width = both[0], both[1], 2
            case [top, "/", bottom, *_] if top.isdigit() and bottom.isdigit() and self.peek().after_space:
                width = 3
            case _:
                return None
        if not 0 < int(top) < int(bottom):
            return None
        self.position += width
        return Fraction(int(top), int(bottom))

    def parse_variable(self, name: str) -> Node:
        """Parse a variable with subscript and primes, the imaginary unit, Euler's number, or a function call."""
        subscript = self.parse_subscript() + self.parse_primes()
        if name in {"A", "C"} and (count := self.parse_combination(name, subscript)) is not None:
            return count
        if not subscript and name in self.index_names:
            return Sym(name)
        if not subscript and name in {"i", "I"}:
            return Const("i")
        if not subscript and name == "e":
            return Const("e")
        following = self.tokens[self.position : self.position + 6] if name in _FUNCTION_NAMES else []
        if [t.text for t in following] == [*"^{-1}("]:
            self.position += 5
            name += "^{-1}"
        if self.next_is("(") and (name[0] in _FUNCTION_NAMES or (name.isupper() and self._has_one_argument())):
            return Call("apply", (Sym(name + subscript), self.parse_group("(", ")")))
        return Sym(name + subscript)

    def parse_combination(self, name: str, subscript: str) -> Node | None:
        """Parse the rest of ``C_5^2`` or ``A_5^2``, the number of (ordered) pairs of five; None for other powers."""
        total = subscript.removeprefix("_")
        power = _POWER.match(" ".join(t.text for t in self.tokens[self.position : self.position + 4]))
        chosen = (power[1] or power[2]) if power else ""
        is_short = len(total) + len(chosen) < _MAX_COMBINATION_DIGITS
        if power is None or not (total.isdigit() and is_short and int(chosen) <= int(total)):
            return None
        self.position += 2 if power[1] else 4
        return make_selection(Num(Fraction(total)), Num(Fraction(chosen)), is_ordered=name == "A")

    def parse_primes(self) -> str:
        r"""Return the primes after a name: ``'`` or ``^{\prime}``; an empty string if there are none."""
        primes = ""
        while self.position < len(self.tokens) and self.tokens[self.position].text in {"'", "^"}:
            texts = [t.text for t in self.tokens[self.position : self.position + 4]]
            width = (
                1 if texts[0] == "'" else 2 if texts[:2] == ["^", "prime"] else 4 * (texts == ["^", "{", "prime", "}"])
            )
            if not width:
                break
            self.position += width
            primes += "'"
        return primes

    def _has_one_argument(self) -> bool:
        return len(self.tokens) > self.position + 2 and self.tokens[self.position + 2].text == ")"

    def parse_subscript(self) -> str:
        """Return the text of a subscript, or an empty string."""
        return "_" + self.read_raw_text() if self.next_is("_") and self.advance() else ""

    def read_raw_text(self) -> str:
        """Return the text of one group or token, without parsing it."""
        if not self.next_is("{"):
            return self.advance().text
        depth = 0
        parts: list[str] = []
        while True:
            text = self.advance().text
            depth += (text == "{") - (text == "}")
            if depth == 0:
                return "".join(parts[1:])
            parts.append(text)

    def parse_command(self, name: str) -> Node:  # noqa: PLR0911 - one return per command
        """Parse the arguments of a command."""
        if name in {"frac", "binom"}:
            first = self.parse_argument()
            if (
                name == "frac"
                and first == Sym("d")
                and [t.text for t in self.tokens[self.position : self.position + 2]] == ["{", "d"]
            ):
                raise UnsupportedError("a derivative")
            return Call("div" if name == "frac" else "binomial", (first, self.parse_argument()))
        if name in {"sqrt", "cbrt"}:
            return self.parse_root(name)
        if name in {"pi", "infty"}:
            return Const("pi") if name == "pi" else INFINITY
        if name == "Gamma" and self.next_is("("):
            return Call("factorial", (Call("add", (self.parse_group("(", ")"), Num(Fraction(-1)))),))
        if name in GREEK_LETTERS:
            return Sym(name + self.parse_subscript())
        if name in _FUNCTION_COMMANDS:
            return self.parse_function(name)
        if name in {"sum", "prod"}:
            return self.parse_series(name)
        if name in {"begin", "det"}:
            return self.parse_determinant(name)
        return self.parse_delimited(name)

    def parse_delimited(self, name: str) -> Node:
        """Parse a rounding bracket, a set of numbers or a decorated name."""
        if name in {"lfloor", "lceil"}:
            node = self.parse_sum()
            self.advance("r" + name[1:])
            return Call(name[1:], (node,))
        if name == "mathbb":
            return Const(self.read_raw_text())
        if name in _DECORATIONS:
            return Sym(f"{name} {self.read_raw_text()}")
        raise UnsupportedError(f"\\{name} is not supported")

    def parse_root(self, name: str) -> Node:
        """Parse a root and its degree."""
        degree: Node = Num(Fraction(3 if name == "cbrt" else 2))
        if self.next_is("["):
            degree = self.parse_group("[", "]")
        inside = self.parse_group("{", "}") if self.next_is("{") else self.parse_atom()
        return Call("root", (inside, degree))

    def parse_function(self, name: str) -> Node:
        """Parse a function: its base, its power, and its arguments."""
        base: Node | None = Num(Fraction(10)) if name == "lg" else None
        exponent: Node | None = None
        while self.next_is("_", "^"):
            if self.advance().text == "_":
                base = self.parse_argument()
            else:
                exponent = self.parse_group("{", "}") if self.next_is("{") else self.parse_atom()
        if exponent == Num(Fraction(-1)) and name in _INVERSE:
            name, exponent = _INVERSE[name], None
        args = self.parse_function_arguments()
        if name == "cis":
            node: Node = Call("exp", (Call("mul", (Const("i"), args[0])),))
        elif name in {"log", "lg"}:
            node = Call("log", (*args, base)) if base is not None else Call("ln", args)
        else:
            node = Call(name, args)
        return node if exponent is None else Call("pow", (node, exponent))

    def parse_function_arguments(self) -> tuple[Node, ...]:
        """Parse ``(a, b)``, ``{a}``, ``|a|``, or the factors up to the next function or operator."""
        if self.next_is("(", "{", "[", "\\{"):
            closing = _CLOSING_BRACKETS[self.advance().text]
            args = [self.parse_sum()]
            while self.next_is(","):
                self.advance()
                args.append(self.parse_sum())
            self.advance(closing)
            return tuple(args)
        factors = [self.parse_power()]
        while self.starts_atom() and not self.next_is("(", "[", "{") and self.peek().text not in _FUNCTION_COMMANDS:
            factors.append(self.parse_power())
        return (factors[0] if len(factors) == 1 else Call("mul", tuple(factors)),)

    def parse_series(self, name: str) -> Node:
        """Parse a sum or product with its index and bounds; an index named ``i`` is not the imaginary unit."""
        self.advance("_")
        self.advance("{")
        index = self.advance()
        if index.kind != _VARIABLE:
            raise UnsupportedError("a sum without an index")
        self.advance("=")
        start = self.parse_sum()
        self.advance("}")
        self.advance("^")
        stop = self.parse_argument()
        outer_names = self.index_names
        self.index_names = outer_names | {index.text}
        body = self.parse_product()
        self.index_names = outer_names
        return Call(name, (body, Sym(index.text), start, stop))

    def parse_determinant(self, name: str) -> Node:
        r"""Parse ``\begin{vmatrix} ... \end{vmatrix}``, or ``\det`` and a matrix."""
        bracket = self.advance().text if name == "det" and self.next_is("(", "{") else ""
        if name == "det":
            self.advance("begin")
        self.advance("{")
        environment = self.advance().text
        self.advance("}")
        if environment not in ({"vmatrix"} if name == "begin" else _MATRIX_ENVIRONMENTS):
            raise UnsupportedError("a matrix in an expression")
        rows: list[list[Node]] = [[]]
        while not self.next_is("end"):
            if self.next_is("cr"):
                self.advance()
                rows.append([])
            elif self.next_is("&"):
                self.advance()
            else:
                rows[-1].append(self.parse_sum())
        for text in ("end", "{", environment, "}", *([_CLOSING_BRACKETS[bracket]] if bracket else [])):
            self.advance(text)
        rows = [row for row in rows if row]
        if not 0 < len(rows) <= _MAX_DETERMINANT_ROWS or any(len(row) != len(rows) for row in rows):
            raise UnsupportedError("a determinant of another size")
        return make_determinant(rows)


def parse_expression(tokens: list[Token], *, colon_divides: bool = False) -> Node:
    """Parse all of `tokens` as one expression.

    Args:
        tokens: the output of `tokenize`, or a part of it.
        colon_divides: whether ``a : b`` is a quotient.

    Raises:
        UnsupportedError: the tokens are not a supported expression.
        LimitError: they are nested too deeply.

    Example:
        >>> from herokit_math.lexer import tokenize
        >>> parse_expression(tokenize("-1/2"))
        Call(op='div', args=(Num(value=Fraction(-1, 1), places=None), Num(value=Fraction(2, 1), places=None)))
    """
    parser = _ExpressionParser(tokens, colon_divides=colon_divides)
    node = parser.parse_sum()
    if parser.next_is("choose"):
        parser.advance()
        node = Call("binomial", (node, parser.parse_sum()))
    if not parser.is_at_end():
        raise UnsupportedError(f"unexpected {parser.peek().text!r}")
    return node
