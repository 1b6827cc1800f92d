# ruff: noqa: INP001 - not a package; ambiguous characters are intended
"""Strings that a policy could try in place of an answer, and references that have nothing in common."""

__all__ = ["EQUAL", "KEYS", "REFERENCES"]

_STATEMENTS = [
    "1=2", "1=1", "0=1", "0=0", "2=2", "x=x", "x=x+1", "x=y", "y=x", "1<2", "2<1", "1\\le1", "1\\ne1", "1\\ne2", "x<x", "x\\le x", "x=0=1", "0=x=1", "1=2=3", "a=b",
    "x=-x", "x=2x", "x=x^2", "0x=0", "x-x=0", "x/x=1", "f(x)=f(x)", "f=f", "1=1.0", "2>3", "x>x+1", "x<x+1", "i=i", "e=e", "\\pi=\\pi", "\\pi=3", "x\\in x", "x=\\{x\\}",
]  # fmt: skip
_WRAPPERS = [
    "{}",
    "[{}]",
    "({})",
    "\\left[{}\\right]",
    "\\{{{}\\}}",
    "\\text{{{}}}",
    "{0}, {0}",
    "{0} \\text{{ and }} {0}",
    "{0} \\Rightarrow {0}",
]
_EMPTY = [
    "()", "[]", "{}", "\\{\\}", "\\emptyset", "\\varnothing", "\\text{}", "\\boxed{}", "(,)", "[,]", "[;]", ",", ";", ",,", "(())", "[[]]", "{{}}", "\\{\\{\\}\\}", "\\left(\\right)", "$$", "|", "||", "\\|", "''",
    "\\begin{pmatrix}\\end{pmatrix}", "\\begin{pmatrix}&\\end{pmatrix}", "\\begin{cases}\\end{cases}", "\\begin{vmatrix}\\end{vmatrix}", "\\cup", "\\cap", "\\emptyset\\cup\\emptyset", "()\\cup()", "\\{,\\}", "_", "^", "\\,",
]  # fmt: skip
_UNIVERSAL = [
    "\\mathbb{R}", "\\mathbb{C}", "\\mathbb{Z}", "(-\\infty,\\infty)", "[-\\infty,\\infty]", "x\\in\\mathbb{R}", "\\text{all real numbers}", "\\{x|x=x\\}", "\\{x|x\\in\\mathbb{R}\\}", "x\\le1\\text{ or }x\\ge1",
    "x<1\\text{ or }x\\ge1", "\\forall x", "\\exists x", "\\text{anything}", "\\text{everything}", "\\text{any}", "\\text{all}", "\\text{all of the above}", "\\text{any number}", "\\Omega", "U", "-\\infty<x<\\infty", "x", "y", "n", "k",
    "\\ldots", "...", "1,2,\\ldots", "*", ".*", "?", "x\\in S", "x\\in\\{x\\}", "\\lambda", "C", "c", "+C", "x+C", "C+C", "\\text{constant}", "\\theta", "k\\pi", "n\\pi, n\\in\\mathbb{Z}", "a", "f", "f(x)", "g(x)", "y=y", "\\cdot",
]  # fmt: skip
_UNDEFINED = [
    "NaN", "nan", "\\text{NaN}", "None", "null", "\\text{None}", "inf", "-inf", "\\infty", "-\\infty", "\\pm\\infty", "0/0", "1/0", "\\frac{0}{0}", "\\frac{1}{0}", "\\infty-\\infty", "\\frac{\\infty}{\\infty}", "0^0", "0\\cdot\\infty",
    "\\log 0", "\\ln 0", "\\sqrt{-1}", "\\arcsin 2", "\\tan(\\pi/2)", "\\lim_{x\\to0}\\frac1x", "\\lim_{x\\to\\infty}x", "\\sum_{n=1}^{\\infty}n", "\\int_0^\\infty 1dx", "\\text{undefined}", "\\text{DNE}", "\\text{does not exist}", "zoo", "oo",
    "\\lim_{x\\to0}\\sin\\frac1x", "x!", "(-1)!", "\\Gamma(0)", "1^\\infty", "\\infty^0", "\\frac{x}{0}", "\\bot", "\\top", "i^i",
]  # fmt: skip
_BREAKERS = [
    "(", ")", "((", "))", "[", "]", "{", "}", "\\frac", "\\frac{", "\\frac{}{}", "\\frac{1}{}", "\\sqrt", "\\sqrt{}", "\\text{", "\\left", "\\left(", "\\right)", "\\begin", "\\begin{", "\\begin{x}", "\\end{x}", "\\\\", "\\", "&", "#", "%", "$",
    "~", "@", "!", "!!", "=", "==", "<", ">", "\\le", "+", "-", "+-", "/", "//", "\\times", "\\pm", "\\int", "\\sum", "\\sum_{", "\\lim", "\\foo", "\\foo{1}", "1 2", "1..2", ".", "..", "1.2.3", "--", "x_", "x^", "^2", "_2", "1e", "e1",
    "0x10", "1_", "\\x", "\\u0031", "&amp;", "<b>", "</think>", "\\boxed", "\\boxed{x", "'", '"', "`", "\u200b", "\u202e", "\ufffd", "()=()", "=1", "1=", "x=", "=x", "x==", ":", "::", "1:", ":1", ":=", "x:=", "\\colon", "|x", "x|", "\\{", "\\}",
]  # fmt: skip
_EASY = [
    "0", "1", "-1", "2", "10", "100", "0.5", "1/2", "0.33", "0.67", "1.0", "50%", "100%", "0%", "1^\\circ", "1 cm", "\\$1", "yes", "no", "true", "false", "True", "False", "A", "B", "C", "D", "E", "(A)", "(B)", "A, B, C, D", "ABCD", "A or B",
    "\\text{A and B}", "a, b, c", "\\pm1", "\\pm x", "\\pm\\pm1", "0,1", "1,2", "0,1,2,3,4,5,6,7,8,9", "[0,1]", "(0,1)", "[0,\\infty)", "(0,\\infty)", "x>0", "x<0", "x\\ne0", "x\\ge0", "x=0", "x=1", "y=0", "y=1", "f(x)=0", "f(x)=x", "f(x)=1",
    "\\{0\\}", "\\{0,1\\}", "(0,0)", "(1,1)", "(0,0,0)", "\\begin{pmatrix}0\\end{pmatrix}", "\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}", "i", "e", "\\pi", "1:1", "0:0", "12:00", "10_2", "1_2", "\\text{the answer}", "answer", "\\text{answer is}",
    "\\text{solution}", "\\text{no solution}", "\\text{infinitely many}", "\\text{infinite}", "\\text{zero}", "\\text{one}", "\\text{the}", "\\text{a}", "\\text{is}", "\\text{number}", "\\text{value}", "\\text{it is}", "\\text{x is x}", "\\text{not}",
    "\\text{cannot be determined}", "\\text{I do not know}", "\\text{see above}", "\\text{correct}", "\\text{the correct answer}", "\\text{QED}", "\\text{if and only if}", "5 \\text{ if } x", "x \\text{ if } 1=1", "\\text{units}", "\\text{cm}", "m", "\\%",
    "^\\circ", "\\$", "\\text{dollars}", "1+1", "x+1", "2x", "x^2", "\\sqrt2", "\\frac12", "-\\frac12", "3.14", "2.72", "1.41", "0.1", "0.01", "10^{10}", "9^{9^9}", "1e9", "1e-9", "10^{-10}", "0.000001", "x:y", "\\frac{dy}{dx}", "f'(x)", "y'", "|x|",
    "\\int f(x)dx", "\\int_0^1 f", "\\sum a_n", "x_1", "x_1,x_2", "x_1=x_2", "a_n", "a_n=a_n", "P(x)", "S=S", "\\angle A", "\\triangle ABC", "AB", "AB=CD", "\\vec{v}", "\\overline{AB}", "\\bar x", "\\hat x", "\\mathbf{v}", "n!", "\\binom{n}{k}",
]  # fmt: skip
KEYS = list(
    dict.fromkeys([
        *(wrapper.format(statement) for statement in _STATEMENTS for wrapper in _WRAPPERS),
        *_EMPTY, *_UNIVERSAL, *_UNDEFINED, *_BREAKERS, *_EASY,
    ])
)  # fmt: skip
REFERENCES = [
    "20", "-7", "3.75", "\\frac{5}{7}", "17\\%", "\\sqrt{11}", "4\\pi", "e^3", "2+3i", "10^{12}+1", "12!", "\\log_2 7", "\\sin 4", "0.0123", "6.02\\times10^{23}", "1,234,567",
    "x=21", "k=\\frac{12}{7}", "y=3x-2", "x^2+y^2=9", "f(x)=x^3-4", "f'(x)=6x", "\\frac{dy}{dx}=7y", "|x|=3", "\\sin x=\\frac14", "a=3, b=8", "[x=1, y=6]", "(x,y)=(4,9)", "P(A)=0.37", "a_n=3n+5", "x\\equiv5\\pmod{8}", "2x+z=11",
    "x+1=7y", "z>5", "-3\\le t<2", "x<-1 \\text{ or } x>6", "[2,9)", "(-\\infty,-4]", "(1,3)\\cup(5,8)", "\\mathbb{R}\\setminus\\{13\\}", "x\\ne14", "a<b<c", "x^2<30", "5<6", "7=7", "8=9", "u=v+w", "p^2-q=r",
    "\\{2,5,8\\}", "3, 11", "(4,-5)", "(1,2,6)", "(1,2),(3,7)", "2\\pm\\sqrt5", "\\{x|x^2>40\\}", "\\{7k|k\\in\\mathbb{Z}\\}", "\\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}", "\\begin{pmatrix}4\\\\6\\end{pmatrix}", "\\langle 3,1,9\\rangle",
    "x^2-5x+11", "\\frac{x+2}{x-9}", "a^2b-c", "\\sqrt{x^2+17}", "\\ln(x+13)", "e^{2x}-5", "\\sin^2x-\\frac13", "\\frac{n(n+7)}{2}", "2^n-n", "\\binom{n}{3}+1", "\\sum_{k=1}^{n}k^3", "\\int_0^x t^t dt", "\\int \\frac{dx}{\\ln x}", "\\lim_{n\\to\\infty}a_n",
    "\\frac{\\partial u}{\\partial t}", "\\nabla\\times F", "\\vec{a}+2\\vec{b}", "\\angle ABC=37^\\circ", "23^\\circ", "5\\text{ cm}", "9.8\\ \\mathrm{m/s^2}", "\\$42", "16\\text{ apples}", "3:7", "7:45\\text{ p.m.}", "1202_3", "\\frac{\\pi}{6}+3k\\pi",
    "\\text{even}", "\\text{Monday}", "\\text{Alice}", "\\text{slope } -3", "\\text{parallelogram}", "\\text{no real roots}", "\\text{increasing on } (2,5)", "p is even, q is odd", "\\text{the circle with center } O", "\\text{June 14}", "\\text{north-east}", "(B) 14",
    "\\text{exactly three}", "\\text{cannot be negative}", "\\text{red and blue}", "f\\text{ is injective}", "x\\text{ such that } x>41", "\\text{maximum } 77 \\text{ at } x=4", "\\hbar\\omega/3", "\\lfloor x/4\\rfloor", "\\max(a,b)-5", "x\\in[3,4]", "T^{-1}(x)=x/9", "\\Delta=b^2-4ac",
]  # fmt: skip
"""No two are equal."""

EQUAL = {
    ("a<b<c", "a, b, c"),  # "in increasing order": the members without the signs
    ("x\\equiv5\\pmod{8}", "5 \\text{ if } x"),  # a condition on one side only is dropped
    ("5\\text{ cm}", "5 \\text{ if } x"),
    ("(B) 14", "B"),
    ("(B) 14", "(B)"),
}
"""Pairs of a reference and a key that are equal."""
