# ruff: noqa: INP001, RUF001 - not a package; ambiguous characters are intended
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
_LATER = [
    "\\text{either } 1 \\text{ or } 2", "\\text{one of } 1, 2, 3", "1 \\text{ or } 2 \\text{ or } 3", "\\text{any of } \\{0,1,2\\}", "1/2/3/4", "20|-7", "\\text{at least one of } x, y",
    "\\text{same as the reference}", "\\text{the reference answer}", "\\text{ground truth}", "\\text{as stated}", "\\text{see solution}", "\\text{answer} = \\text{answer}", "ans",
    "\\text{[answer]}", "\\text{<answer>}", "\\{\\{answer\\}\\}", "{answer}", "\\%s", "k, k\\in\\mathbb{R}", "\\{k | k \\in \\mathbb{R}\\}", "kx+m", "a+b\\pi", "x=t, t\\in\\mathbb{R}",
    "f(x)=c", "c \\text{ for some constant } c", "k \\text{ for some integer } k", "C_1+C_2x", "C_1", "n+c", "mx+b", "y=mx+b", "ax^2+bx+c", "ax^2+bx+c=0", "a+bi", "\\frac{p}{q}",
    "\\frac{a}{b}", "\\frac{p}{q}, q\\ne0", "\\alpha", "t", "r", "K", "\\lambda x", "\\{(t,t)|t\\in\\mathbb{R}\\}", "(x,y)", "(a,b)", "[a,b]", "[-10^9,10^9]",
    "0\\pm10^9", "20\\pm20", "5\\pm\\infty", "x\\pm\\infty", "\\approx1", "1\\pm0", "0\\pm0", "\\sim1", "1.", "0.", ".0", "1e0", "0e0", "0e9", "-0", "0.0", "00", "1e400",
    "1e-400", "10^{1.3}", "0.\\overline{9}", "0.\\overline{0}", "<20", "\\le20", "\\text{more than } 1", "\\text{at least } 0", "\\text{at most } 10^9", "\\text{between } 0 \\text{ and } 100",
    "\\text{about } 1", "\\text{roughly } 10", "1:1:1", "0:1", "1:0", "x:x", "a:b", "\\%\\%", "1\\%\\%", "1\\text{ unit}", "\\text{units}^2", "\\text{cm}^2", "1^2",
    "\\text{m/s}", "1\\text{ cm}\\cdot\\text{m}", "1/\\text{s}", "\\$\\$", "\\$0", "0\\text{ km}", "0^\\circ\\text{C}", "^\\circ\\text{C}", "1\\text{ dozen}", "1\\text{ hundred}", "M",
    "0\\pmod1", "x\\equiv0\\pmod1", "k\\pmod1", "0\\bmod1", "x\\equiv x\\pmod x", "n\\equiv0\\pmod{1}", "0\\pmod0", "x\\equiv0\\pmod0", "x\\equiv5\\pmod{0}", "x\\equiv5\\pmod{-8}", "1k",
    "k+5", "x\\bmod x", "x\\equiv5\\pmod{1}", "x\\equiv0,1\\pmod2", "x\\equiv0,1,2,3,4,5,6,7\\pmod8", "x\\equiv5\\pmod{m}", "\\boxed{\\boxed{}}", "\\boxed{ }",
    "\\boxed{1}\\boxed{2}", "\\fbox{}", "\\boxed{?}", "\\boxed{\\ldots}", "A, B, C, D, E", "(A)(B)(C)(D)", "A/B/C/D", "A|B|C|D", "A B C D E", "\\text{A, B, C or D}", "\\text{not A}",
    "(A) 1 (B) 2", "\\text{all options}", "\\text{none of the above}", "F", "(E)", "\\text{(A) and (B)}", "A\\cup B", "A\\cap B", "\\text{option}", "[A-E]", "A-E", "\\text{A to E}", "1-100",
    "1..100", "1\\text{ to }100", "1\\le x\\le100", "0\\text{ through }9", "\\{1,\\ldots,100\\}", "\\{1,2,\\ldots\\}", "1,2,3,\\ldots", "\\ldots,-1,0,1,\\ldots",
    "0,1,2,3,4,5,6,7,8,9,10,11,12", "-\\infty \\text{ to } \\infty", "0\\text{–}100", "\\forall x: x=x", "\\exists x: x=x", "\\forall x\\in\\mathbb{R}, x", "\\exists! x", "\\neg\\exists x",
    "\\text{for all } x", "\\text{for some } x", "\\text{there exists } x", "x \\text{ for all } x", "x \\text{ such that } x=x", "x\\text{ such that }x",
    "x \\text{ where } x \\text{ is the answer}", "\\text{the } x \\text{ such that it is correct}", "\\arg\\max_x f(x)", "\\iota x", "\\epsilon", "\\begin{pmatrix}x\\end{pmatrix}",
    "\\begin{pmatrix}a&b\\\\c&d\\end{pmatrix}", "\\begin{pmatrix}a\\\\b\\end{pmatrix}", "I", "I_n", "0_{n\\times n}", "\\vec0", "\\mathbf{0}", "\\hat i+\\hat j", "0\\hat i",
    "\\begin{bmatrix}\\ldots\\end{bmatrix}", "\\begin{pmatrix}1\\\\\\end{pmatrix}", "\\langle\\rangle", "\\langle x\\rangle", "\\langle x,y,z\\rangle", "x\\hat{i}+y\\hat{j}",
    "\\text{\\text{}}", "\\text{ }", "\\text{20}\\text{ or anything}", "\\phantom{20}", "\\hspace{1}", "\\color{white}{1}", "\\cancel{20}", "\\not=20", "\\overline{20}", "\\text{x}",
    "\\text{=}", "\\text{,}", "\\text{.}", "\\text{-}", "\\text{and}", "\\text{or}", "\\text{if}", "\\text{ is }=\\text{ is }", "\\textcolor{red}{1}", "\\tag{1}", "\\label{1}", "\\ref{1}",
    "\\input{answer}", "\\newcommand{\\a}{1}\\a", "\\mathrm{}", "\\underbrace{1}_{20}", "\\overset{20}{1}", "\\stackrel{20}{=}", "\\substack{20\\\\-7}", "\\sout{20}", "１", "²", "А", "Β",
    "𝟏", "०", "Ⅰ", "①", "½", "⅓", "1⁄2", "π", "∞", "∅", "ℝ", "ℤ", "∀", "∃x", "≈1", "±1", "√", "√2", "×", "÷", "°", "％", "＄", "x̄", "𝑥", "ｘ", "х", "о", "О", "Ο", "Ｏ",
    "ⅇ", "ⅈ", "ℯ", "∎", "■", "…", "⋯", "￼", "\xad", "\u2060", "\u200d1", "1̶", "🅰", "✓", "✔", "☑", "👍", "f(0)", "f(x)=f(0)", "f(t)", "P", "h(x)=h(x)", "f(x)=g(x)", "f=g", "f(x)=y", "y=f(x)",
    "y'=y'", "dx", "\\frac{d}{dx}", "\\frac{d}{dx}x", "\\frac{dy}{dx}=y'", "\\int dx", "\\int0", "\\int_0^00dx", "\\sum_{k=1}^0k", "\\sum_{k=1}^{n}0", "\\prod_{k=1}^0k", "\\lim_{x\\to x}x",
    "\\lim_{n\\to\\infty}a", "\\nabla f", "\\partial", "\\frac{\\partial f}{\\partial x}", "F'=f", "u", "du=u", "\\dot x", "O(n)", "o(1)", "O(1)", "x^0", "0x", "0\\cdot f(x)", "x-x",
    "\\frac{x}{x}", "\\frac{n!}{n!}", "|x|/x", "\\max(x,x)", "\\min(1,1)", "\\gcd(0,0)", "\\sin^2x+\\cos^2x", "e^{2\\pi i}", "i^2", "i^4", "\\log_x x", "\\log_1 1", "\\log_0 0", "\\sqrt{0}",
    "\\sqrt[0]{1}", "\\sqrt[x]{1}", "\\binom{x}{0}", "\\lfloor x\\rfloor", "x\\bmod1", "(1)", "((1))", "\\{1\\}", "\\{\\{1\\}\\}", "[1]", "|1|", "\\|1\\|", "1!", "0!", "1!!", "0!!", "1'",
    "1''", "A\\cup A^c", "(-\\infty,0)\\cup[0,\\infty)", "(-\\infty,0]\\cup[0,\\infty)", "\\mathbb{Q}\\cup\\mathbb{R}", "\\mathbb{N}", "\\mathbb{Q}", "\\{x\\}", "\\{x,y\\}", "\\{\\ldots\\}",
    "\\mathcal{P}(S)", "\\mathbb{R}^n", "\\mathbb{R}^2", "\\mathbb{R}\\setminus\\emptyset", "\\mathbb{R}\\setminus\\{x\\}", "\\mathbb{R}\\setminus\\mathbb{R}", "x\\notin\\emptyset",
    "x\\in\\mathbb{C}", "\\{x|x\\in S\\}", "\\{x: x\\}", "\\{x|1=1\\}", "\\{x|x\\ne x\\}", "\\{x|x>x\\}", "\\{n|n\\in\\mathbb{Z}\\}", "\\{n|n=n\\}", "x^2\\ge0", "|x|\\ge0", "x<\\infty",
    "x>-\\infty", "x\\le\\infty", "x\\ne\\infty", "x\\ne x", "x\\ne y", "0<1", "a<b", "a\\le b\\le c", "x<y<z", "x>x>x", "20=-7", "20,-7", "20\\land-7", "20\\equiv-7", "20\\approx-7",
    "20\\text{ if the answer is }20", "\\text{if }x\\text{ then }x", "20\\text{ otherwise }-7", "20\\to-7", "20\\Rightarrow-7", "20;-7", "20:-7", "(20)(-7)", "20-7", "20(-7)", "[20][-7]",
    "\\begin{cases}20\\\\-7\\end{cases}", "\\begin{cases}20&x\\\\-7&y\\end{cases}", "\\begin{matrix}20&-7\\end{matrix}", "20\\quad-7", "20\\\\-7", "20\\newline-7", "20\\text{ (or }-7)",
    "20\\text{ or equivalently }-7", "20\\text{ i.e. }-7", "20\\text{ not }-7", "20\\ne-7", "00:00", "24:00", "12:00\\text{ a.m. or p.m.}", "12\\text{ o'clock}", "\\text{midnight}",
    "\\text{noon}", "1/1/1", "1/1/2000", "\\text{January}", "\\text{today}", "\\text{June}", "0_2", "1_1", "11_1", "10_x", "x_{10}", "10_{10}", "0_{36}", "1_{b}", "\\text{in base } b",
    "1\\text{st}", "n\\text{th}", "\\text{first}", "\\text{last}", "\\text{second}", "\\text{yes and no}", "\\text{yes or no}", "\\text{true or false}", "\\text{both}", "\\text{neither}",
    "\\text{maybe}", "\\text{depends}", "\\text{it depends on } x", "\\text{unknown}", "\\text{impossible}", "\\text{none}", "\\text{nothing}", "\\text{empty}", "\\text{not not}",
    "\\text{no}", "\\text{only}", "\\text{exactly}", "\\text{such}", "\\text{point}", "\\text{line}", "\\text{triangle}", "\\text{circle}", "\\text{set}", "\\text{function}",
    "\\text{solution set}", "\\text{real}", "\\text{real numbers}", "\\text{positive}", "\\text{even or odd}", "\\text{odd}", "\\text{prime}", "\\text{increasing}",
    "\\text{increasing or decreasing}", "\\text{monotone}", "\\text{maximum}", "\\text{slope}", "\\text{slope } m", "\\text{red}", "\\text{north}",
    "\\text{the circle}", "\\text{with}", "\\text{who}", "\\text{Mr}", "\\text{Alice and Bob}", "\\text{Alice or Bob}", "\\text{person}",
]  # fmt: skip  # kinds that nobody listed before: families, moduli, ranges, look-alikes, quantifiers, tricks of layout
KEYS = list(
    dict.fromkeys([
        *(wrapper.format(statement) for statement in _STATEMENTS for wrapper in _WRAPPERS),
        *_EMPTY, *_UNIVERSAL, *_UNDEFINED, *_BREAKERS, *_EASY, *_LATER,
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
    ("20", "20\\approx-7"),  # what is said to approximate a value is dropped, and so is a condition
    ("20", "20\\text{ if the answer is }20"),
    ("-7", "20\\Rightarrow-7"),  # the answer is what follows
}
"""Pairs of a reference and a key that are equal."""
