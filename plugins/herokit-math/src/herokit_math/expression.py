"""From tokens to a tree: precedence climbing with a bounded depth; refuses what it does not fully understand."""

from herokit_math.atoms import Atoms, UnsupportedError
from herokit_math.lexer import Kind, Token
from herokit_math.tree import Call, Node, negative

__all__ = ["Expression", "UnsupportedError", "expression"]

_STARTS = {"(", "{", "[", "|"}
_NOT_ATOMS = {
    "*", "/", "in", "cup", "cap", "to", "Rightarrow", "implies", "iff", "approx", "pm", "mp", "rfloor", "rceil", "setminus",
    "choose", "pmod", "bmod", "mod", "quad", "sim", "cong", "equiv", "parallel", "perp", "circ", "prime", "subset",
}  # fmt: skip


class Expression(Atoms):
    """Reads sums, products, signs and powers; what they are made of is read by `Atoms`."""

    def sum(self) -> Node:
        """Read terms joined by + and -."""
        with self.nested():
            terms = [self.product()]
            while self.sees("+", "-"):
                sign = self.take().text
                term = self.product()
                terms.append(term if sign == "+" else negative(term))
        return terms[0] if len(terms) == 1 else Call("add", tuple(terms))

    def product(self) -> Node:
        """Read factors joined by signs of multiplication, division, or nothing."""
        left = self.signed()
        while True:
            if self.sees("*"):
                self.take()
                left = _times(left, self.signed())
            elif self.sees("/", ":") and not (self.sees(":") and not self.colon_divides):
                self.take()
                left = Call("div", (left, self.signed()))
            elif self.starts_atom():
                if self.here().kind == Kind.NUMBER and self.tokens[self.at - 1].kind == Kind.NUMBER:
                    raise UnsupportedError("two numbers side by side")
                left = _times(left, self.power())
            else:
                return left

    def signed(self) -> Node:
        """Read a factor with its signs."""
        negate = False
        while self.sees("+", "-"):
            negate ^= self.take().text == "-"
        node = self.power()
        return negative(node) if negate else node

    def power(self) -> Node:
        """Read an atom with its factorials, percents, degrees and exponents."""
        return self.postfix(self.atom())

    def postfix(self, node: Node) -> Node:
        """Read what follows an atom."""
        while not self.ended():
            if self.sees("!"):
                self.take()
                node = Call("factorial", (node,))
            elif self.sees("%"):
                self.take()
                node = Call("percent", (node,))
            elif self.sees("^"):
                self.take()
                if self.skip_degree():
                    node = Call("degree", (node,))
                else:
                    with self.nested():
                        node = Call("pow", (node, self.exponent()))
            elif self.sees("circ"):
                self.take()
                node = Call("degree", (node,))
            else:
                break
        return node

    def exponent(self) -> Node:
        """Read an exponent: a group, or a signed factor."""
        if self.sees("{"):
            return self.group("{", "}")
        if self.sees("-", "+"):
            sign = self.take().text
            node = self.exponent()
            return negative(node) if sign == "-" else node
        return self.power() if not self.sees("(") else self.group("(", ")")

    def starts_atom(self) -> bool:
        """Say whether the next token can be a factor."""
        if self.ended():
            return False
        token = self.here()
        if token.kind in {Kind.NUMBER, Kind.VARIABLE}:
            return True
        if token.kind == Kind.COMMAND:
            return token.text not in _NOT_ATOMS
        return token.kind == Kind.OPERATOR and token.text in _STARTS and not (token.text == "|" and self.bars > 0)


def _times(left: Node, right: Node) -> Node:
    if isinstance(left, Call) and left.op == "mul":
        return Call("mul", (*left.args, right))
    return Call("mul", (left, right))


def expression(tokens: list[Token], *, colon_divides: bool = False) -> Node:
    """Read all of `tokens` as one expression.

    Args:
        tokens: what `tokenize` returned, or a part of it.
        colon_divides: read ``a : b`` as a quotient.

    Raises:
        UnsupportedError: they are not, or not fully understood.
        LimitError: nesting is too deep.

    Example:
        >>> from herokit_math.lexer import tokenize
        >>> expression(tokenize("-1/2"))
        Call(op='div', args=(Num(value=Fraction(-1, 1), places=None), Num(value=Fraction(2, 1), places=None)))
    """
    reader = Expression(tokens, colon_divides=colon_divides)
    node = reader.sum()
    if not reader.ended():
        raise UnsupportedError(f"cannot read on from {reader.here().text!r}")
    return node
