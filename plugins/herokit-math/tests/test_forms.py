# ruff: noqa: RUF001 - ambiguous characters are intended
"""Answers of many kinds, equal and different: each kind has wrong answers that look like the right one."""

import pytest

from herokit_math import MathVerifier

PAIRS = {
    "vectors": (
        [(r"\langle 1, -2, 3\rangle", "(1,-2,3)"), (r"\langle 1,-2,3\rangle", r"\begin{pmatrix}1\\-2\\3\end{pmatrix}"), (r"\langle 1,-2,3\rangle", r"\mathbf{i}-2\mathbf{j}+3\mathbf{k}"), (r"2\hat{i}-5\hat{j}", r"\langle 2,-5\rangle"), (r"2\hat{i}-5\hat{j}", r"-5\hat{j}+2\hat{i}"), (r"\begin{bmatrix}4\\-1\end{bmatrix}", "[4, -1]^T"), (r"\vec{AB} = (3, 4)", "(3,4)"), (r"\frac{1}{\sqrt{14}}(1,2,3)", r"\left(\frac{1}{\sqrt{14}},\frac{2}{\sqrt{14}},\frac{3}{\sqrt{14}}\right)")],
        [(r"\mathbf{i}-2\mathbf{j}+3\mathbf{k}", r"\langle 1,2,3\rangle"), (r"2\hat{i}-5\hat{j}", r"5\hat{i}-2\hat{j}"), (r"\begin{bmatrix}4\\-1\end{bmatrix}", r"\begin{bmatrix}-1\\4\end{bmatrix}"), (r"\frac{1}{\sqrt{14}}(1,2,3)", "(1,2,3)")],
    ),
    "intervals": (
        [("(2,5]", r"2 < x \le 5"), ("(2,5]", "]2,5]"), (r"[1,\infty)", r"x \geq 1"), (r"(-\infty,2)\cup(3,\infty)", r"x<2 \text{ or } x>3"), (r"(-\infty,2)\cup(3,\infty)", r"\mathbb{R}\setminus[2,3]"), ("[-1,1]", r"|x|\le 1"), ("(1,4)", r"\{x : 1<x<4\}"), (r"(-\infty, 0)\cup(0,\infty)", r"x\neq 0"), (r"x\ge 0", r"[0,\infty)"), (r"x \in (-2, 2)", "|x|<2")],
        [("(2,5]", "(2,5)"), (r"[1,\infty)", "x>1"), (r"(-\infty,2)\cup(3,\infty)", r"\mathbb{R}\setminus(2,3)"), ("(0,3)", "0<x<4"), ("(1,4)", r"\{x \in \mathbb{Z} : 1<x<4\}")],
    ),
    "piecewise": (
        [(r"f(x)=\begin{cases}x^2 & x<0\\ x & x\ge0\end{cases}", r"\begin{cases}x & \text{if } x\ge 0\\ x^2 & \text{if } x<0\end{cases}"), (r"\begin{cases}1, & n \text{ even}\\0, & n\text{ odd}\end{cases}", r"1 \text{ if } n \text{ is even}, 0 \text{ if } n \text{ is odd}"), (r"\begin{cases}0 & x<0\\ 1-e^{-x} & x\ge 0\end{cases}", r"\begin{cases}1-e^{-x}, & x\geq 0\\ 0, & \text{otherwise}\end{cases}"), (r"\begin{cases}2x & x\le 1\\ 5 & x>1\end{cases}", r"\begin{cases}2x, & x\le 1,\\ 5, & x>1.\end{cases}")],
        [(r"f(x)=\begin{cases}x^2 & x<0\\ x & x\ge0\end{cases}", r"\begin{cases}x & \text{if } x< 0\\ x^2 & \text{if } x\ge0\end{cases}"), (r"\begin{cases}1, & n \text{ even}\\0, & n\text{ odd}\end{cases}", r"0 \text{ if } n \text{ is even}, 1 \text{ if } n \text{ is odd}"), (r"\begin{cases}0 & x<0\\ 1-e^{-x} & x\ge 0\end{cases}", r"\begin{cases}1-e^{x}, & x\geq 0\\ 0, & x<0\end{cases}"), (r"\begin{cases}2x & x\le 1\\ 5 & x>1\end{cases}", r"\begin{cases}2x, & x\le 2,\\ 5, & x>2.\end{cases}")],
    ),
    "matrices": (
        [(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1,2],[3,4]]"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\left[\begin{array}{cc}1&2\\3&4\end{array}\right]"), (r"\frac{1}{2}\begin{pmatrix}2&4\\6&8\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"), (r"\begin{pmatrix}0.5&0\\0&0.25\end{pmatrix}", r"\begin{pmatrix}\frac12&0\\0&\frac14\end{pmatrix}"), (r"\begin{pmatrix}1&2&3\end{pmatrix}", "(1,2,3)"), (r"A^{-1} = \begin{pmatrix}-2&1\\ \frac32&-\frac12\end{pmatrix}", r"-\frac12\begin{pmatrix}4&-2\\-3&1\end{pmatrix}"), ("-2", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}"), ("-2", r"\det\begin{pmatrix}1&2\\3&4\end{pmatrix}")],
        [(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&3\\2&4\end{bmatrix}"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}"), (r"A^{-1} = \begin{pmatrix}-2&1\\ \frac32&-\frac12\end{pmatrix}", r"\frac12\begin{pmatrix}4&-2\\-3&1\end{pmatrix}"), ("2", r"\det\begin{pmatrix}1&2\\3&4\end{pmatrix}")],
    ),
    "bases": (
        [("1011_2", "1011"), ("1011_2", "1011_{two}"), ("1011_2", r"1011_{\text{two}}"), ("1011_2", r"1011 \text{ base } 2"), ("1011_2", "(1011)_2"), ("AB_{16}", "ab_{16}"), (r"\text{3F}_{16}", "3F_{16}"), (r"\text{3F}_{16}", "0x3F"), ("1011_2", "0b1011")],
        [("1011_2", "1011_3"), ("1011_2", "1101_2"), ("3F_{16}", "F3_{16}")],
    ),
    "ratios": (
        [("2:3", "4:6"), ("2:3", r"\frac23"), ("2:3", r"2 \text{ to } 3"), ("1:2:3", "2:4:6"), ("2:3", r"\frac{2}{3} : 1"), ("5:4", "1.25:1"), ("a:b = 3:7", "3:7"), (r"1:\sqrt2", r"\sqrt2:2")],
        [("2:3", "3:2"), ("1:2:3", "1:3:2"), ("3:7", "3/10")],
    ),
    "money": (
        [(r"\$12.50", "12.5"), (r"\$12.50", r"12 \text{ dollars and } 50 \text{ cents}"), (r"\$12.50", r"1250 \text{ cents}"), (r"\$1,200", r"1200 \text{ dollars}"), ("€5", r"5 \text{ euros}"), (r"\$0.75", r"75\text{ cents}"), (r"\$3 \text{ million}", "3000000"), ("£40", "40 pounds"), ("75¢", r"\$0.75")],
        [(r"\$12.50", r"\$1250"), ("€5", r"\$5"), (r"\$0.75", r"75\text{ dollars}"), (r"\$2.4\text{ million}", r"\$240,000")],
    ),
    "set-builder": (
        [(r"\{x \mid x>3\}", r"(3,\infty)"), (r"\{x\mid x>3\}", r"\{y : y>3\}"), (r"\{2k : k\in\mathbb{Z}\}", r"\{2n \mid n \in \mathbb Z\}"), (r"\{x\in\mathbb{R} : x\ne 1\}", r"x\ne1"), (r"\{x\in\mathbb{R} : x\ne 1\}", r"(-\infty,1)\cup(1,\infty)"), (r"\{1,2,3\}", r"\{x\in\mathbb{N}: 1\le x\le 3\}"), (r"\{1,2,3\}", r"\{3,1,2\}"), (r"\emptyset", r"\{\}"), (r"\emptyset", r"\text{no solution}")],
        [(r"\{x\mid x>3\}", r"\{x\mid x\ge3\}"), (r"\{2k : k\in\mathbb{Z}\}", r"\{2k+1: k\in\mathbb Z\}"), (r"\{1,2,3\}", r"\{1,2,3,4\}"), (r"\emptyset", r"\{0\}"), (r"\varnothing", r"\{\emptyset\}")],
    ),
    "probability": (
        [(r"\frac{3}{8}", "0.375"), (r"\frac{3}{8}", r"37.5\%"), (r"\frac{3}{8}", r"3 \text{ in } 8"), (r"\frac{3}{8}", r"3 \text{ out of } 8"), (r"\frac{3}{8}", "P = 3/8"), (r"\frac{3}{8}", r"P(A)=\frac38"), (r"\frac{3}{8}", r"1-\frac58"), (r"\frac{3}{8}", r"\frac{\binom{3}{1}}{\binom{8}{1}}"), (r"P(X \ge 2) = \frac{5}{16}", r"\frac{5}{16}")],
        [(r"\frac{3}{8}", r"\frac58"), (r"\frac{3}{8}", r"\frac{6}{15}"), (r"P(X \ge 2) = \frac{5}{16}", r"P(X \ge 3) = \frac{5}{16}")],
    ),
    "complex": (
        [("3+4i", "4i+3"), (r"2e^{i\pi/3}", r"1+\sqrt3 i"), (r"2e^{i\pi/3}", r"2(\cos\frac{\pi}{3}+i\sin\frac\pi3)"), (r"2e^{i\pi/3}", r"2\left(\cos 60^\circ+i\sin60^\circ\right)"), (r"2e^{i\pi/3}", r"2\text{cis}\frac{\pi}{3}"), (r"\frac{1}{1+i}", r"\frac{1-i}{2}"), ("-i", r"\frac1i"), (r"\pm i", "i,-i"), (r"\sqrt{-4}", "2i"), (r"1\pm2i", "1+2i,1-2i"), (r"2 \operatorname{cis} 150^\circ", r"-\sqrt{3}+i")],
        [("3+4i", "3-4i"), ("3+4i", "(3,4)"), (r"2e^{i\pi/3}", r"2e^{-i\pi/3}"), (r"\frac{1}{1+i}", r"\frac{1+i}{2}"), (r"\pm i", "i")],
    ),
    "units": (
        [(r"5 \text{ m/s}", r"5\ \mathrm{m\,s^{-1}}"), (r"5\text{ m/s}", r"18 \text{ km/h}"), (r"2\text{ hours}", r"120\text{ minutes}"), (r"1.5\times10^{3}\text{ J}", r"1.5\text{ kJ}"), (r"9\text{ cm}^2", r"9\text{ square centimeters}"), (r"9\text{ cm}^2", r"900 \text{ mm}^2"), (r"3\text{ kg}", r"3000\text{ g}"), (r"4\ \Omega", r"4\text{ ohms}"), (r"2.0\times10^{-3}\text{ mol/L}", r"2.0\text{ mmol/L}"), (r"6\text{ ft } 2\text{ in}", r"74\text{ inches}"), ("1 h 30 min", r"90 \text{ min}"), ("300 K", r"300 \text{ kelvin}"), (r"72\text{ km/h}", "20 m/s"), ("50 mL", r"50\text{ cm}^3"), (r"10\text{ N}", r"10\text{ kg}\cdot\text{m/s}^2"), ("5 km", "5000 m")],
        [(r"5\text{ m/s}", r"5\text{ km/h}"), (r"2\text{ hours}", r"2\text{ minutes}"), (r"9\text{ cm}^2", r"9\text{ cm}"), (r"10\text{ N}", "10 J"), ("5 km", "500 m")],
    ),
    "combinatorics": (
        [(r"\binom{10}{3}", "120"), (r"\binom{10}{3}", "{}_{10}C_3"), (r"\binom{10}{3}", "C(10,3)"), (r"\binom{10}{3}", "^{10}C_3"), (r"\binom{10}{3}", r"\frac{10!}{3!7!}"), (r"\binom{10}{3}", r"\binom{10}{7}"), ("720", "{}_{10}P_3"), ("720", "6!"), (r"\binom{2n}{n}", r"\frac{(2n)!}{(n!)^2}"), ("C_{10}^3", "120"), ("A_5^2", "20"), (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"), ("9!!", "945"), (r"\binom{5}{2}\binom{4}{2}", "60")],
        [(r"\binom{10}{3}", "P(10,3)"), (r"\binom{2n}{n}", r"\frac{(2n)!}{n!}"), (r"\binom n2", r"\frac{n(n+1)}2")],
    ),
    "modular": (
        [(r"x\equiv 3\pmod 7", "x=7k+3"), (r"x\equiv3\pmod7", r"3 \pmod 7"), (r"x\equiv3\pmod7", r"x\equiv 10\pmod 7"), (r"x \equiv 3 \pmod 7", r"x\equiv-4 \pmod 7"), (r"x\equiv3\pmod7", "3"), (r"x \equiv 1,5 \pmod 6", r"x\equiv \pm1\pmod6"), (r"x \equiv 3 \pmod 7", r"x \equiv 3 \mod 7"), (r"x\equiv3\pmod7", r"x = 3 + 7k, k\in\mathbb Z")],
        [(r"x\equiv3\pmod7", r"x\equiv4\pmod7"), (r"x\equiv3\pmod7", r"x\equiv3\pmod{14}"), (r"x\equiv3\pmod7", "x=7k+4")],
    ),
    "words": (
        [(r"\text{Yes}", "yes"), (r"\text{isosceles}", "isosceles triangle"), (r"\text{ellipse}", "an ellipse"), (r"\text{no solution}", "no solutions"), (r"\text{no solution}", "there is no solution"), (r"\text{infinitely many}", "infinitely many solutions"), (r"\text{diverges}", "divergent"), (r"\text{diverges}", "The series diverges"), (r"\text{true}", "True"), (r"\text{odd}", "It is odd"), (r"\text{parabola}", r"\textbf{parabola}"), ("five", "5"), (r"\text{twenty-one}", "21"), (r"\text{one half}", r"\frac12")],
        [("Yes", "No"), (r"\text{ellipse}", "hyperbola"), (r"\text{increasing}", "decreasing"), (r"\text{increasing}", "not increasing"), (r"\text{no solution}", "infinitely many solutions"), (r"\text{diverges}", "converges"), (r"\text{Bob}", "Alice"), (r"\text{Bob}", "Not Bob"), (r"\text{true}", "false"), (r"\text{odd}", "even"), (r"\text{one third}", r"\frac12")],
    ),
    "multi-part": (
        [("x=2, y=3", r"x=2 \text{ and } y=3"), ("x=2, y=3", "y=3, x=2"), ("x=2,y=3", "(2,3)"), (r"\text{(a) } 5 \text{ (b) } 7", "5, 7"), ("(a) 5, (b) 7", "(a) 5; (b) 7"), (r"\text{max } 5, \text{ min } -3", r"\text{maximum} = 5, \text{minimum} = -3"), ("a=1,b=-2,c=3", "(1,-2,3)"), ("a=1,b=-2,c=3", r"a = 1,\; c=3,\; b=-2"), (r"7 \text{ boys and } 9 \text{ girls}", r"9 \text{ girls and } 7 \text{ boys}"), (r"x=1 \text{ or } x=-4", "1,-4"), (r"x=1 \text{ or } x=-4", r"x\in\{-4,1\}")],
        [("x=2,y=3", "x=3,y=2"), ("(a) 5, (b) 7", "(a) 7, (b) 5"), (r"\text{max } 5, \text{ min } -3", r"\text{max } -3, \text{ min } 5"), (r"7 \text{ boys and } 9 \text{ girls}", r"9 \text{ boys and } 7 \text{ girls}"), (r"x=1 \text{ or } x=-4", "x=1")],
    ),
    "dates-times": (
        [("June 14", "14 June"), ("June 14", "14th of June"), (r"7:45 \text{ p.m.}", "7:45 PM"), (r"7:45 \text{ p.m.}", "19:45"), ("2020-03-01", "March 1, 2020"), ("1995", "the year 1995"), ("5:07", "5:07"), (r"\text{December 25, 1642}", "25 December 1642")],
        [("June 14", "June 15"), (r"7:45 \text{ p.m.}", "7:45 a.m."), ("March 1, 2020", "March 1, 2021"), ("5:07", "5:70")],
    ),
    "functions": (
        [("a_n = 2n+1", "2n+1"), ("a_n=2n+1", "a_k=2k+1"), (r"f^{-1}(x)=\frac{x-1}{2}", r"\frac{x-1}2"), ("f(x)=x^2", "f(t)=t^2"), ("y' = 2x", r"\frac{dy}{dx}=2x"), ("f(x)=x^2", "x^2=f(x)"), (r"f(x) = x \text{ and } f(x) = -x", r"f(x)=\pm x")],
        [("a_n=2n+1", "a_n=2n-1"), ("f(x)=x^2", "f(x)=t^2")],
    ),
    "calculus": (
        [(r"\frac{x^3}{3}+C", r"\frac13x^3+C"), (r"\sin x+C", r"C+\sin x"), (r"\sin x + C", r"\sin x+K"), (r"\tan x", r"\frac{\sin x}{\cos x}"), (r"\sec^2x", r"1+\tan^2x"), (r"2\sin x\cos x", r"\sin2x"), (r"\arctan x", r"\tan^{-1}x"), (r"\sinh x", r"\frac{e^x-e^{-x}}2"), ("e^{x+y}", "e^x e^y"), (r"\sqrt[3]{x^2}", "x^{2/3}"), (r"\sqrt{x^2}", "|x|")],
        [(r"\frac{x^3}3+C", r"\frac{x^3}{3}"), (r"-\cos x+C", r"\cos x+C"), (r"\tan^{-1}x", r"\frac1{\tan x}"), ("e^{x+y}", "e^x+e^y"), (r"\sqrt{x^2}", "x")],
    ),
    "curves": (
        [("x^2+y^2=25", "y^2+x^2=5^2"), ("y=2x+1", "2x-y+1=0"), ("y=2x+1", "y-1=2x"), ("(x-1)^2+(y+2)^2=9", "x^2+y^2-2x+4y-4=0"), (r"\frac{x^2}{9}+\frac{y^2}{4}=1", "4x^2+9y^2=36"), ("3x+4y=12", r"y=-\frac34x+3"), ("x=-2", "x+2=0"), (r"r=2\cos\theta", "r = 2 cos(θ)"), ("y - 3 = 2(x-1)", "y = 2x + 1")],
        [("x^2+y^2=25", "x^2+y^2=5"), ("y=2x+1", "y=2x-1"), ("(x-1)^2+(y+2)^2=9", "x^2+y^2-2x+4y+4=0"), (r"\frac{x^2}9+\frac{y^2}4=1", "9x^2+4y^2=36")],
    ),
    "formats": (
        [("1000000", "10^6"), ("1000000", "1 million"), ("1000000", "1 000 000"), ("1000000", "1.000.000"), ("0.001", "1e-3"), (r"6.022\times10^{23}", "6.022e23"), (r"0.\overline{27}", r"\frac{3}{11}"), (r"0.2\overline7", r"\frac{5}{18}"), (r"0.999\ldots", "1"), ("½", "0.5"), ("x²", "x^2"), ("√2", r"\sqrt{2}"), ("−5", "-5"), ("５", "5"), ("π/2", r"\frac{\pi}{2}")],
        [(r"6.022\times10^{23}", r"6.022\cdot10^{22}"), (r"\frac{22}{7}", r"\pi"), ("2^{10}", "20"), (r"\sqrt{12}", r"3\sqrt2"), (r"-\infty", "∞")],
    ),
    "near misses": (
        [("3,11", "[3,11]"), ("3", r"3\pmod7"), (r"x \equiv 1 \pmod 2, x\equiv 2 \pmod 3", r"x \equiv 2 \pmod 3, x\equiv 1 \pmod 2"), (r"\frac23", "2 to 3"), ("1", "5 out of 5"), ("5 in", "5 in"), ("(1,2)", r"\hat{i}+2\hat{j}"), ("(1,2,0)", r"\hat{i}+2\hat{j}"), ("(2,4)", "2(1,2)"), (r"\gcd(12,18)", "6"), ("5", r"\max(3,5)"), ("0.3", "P(B|A)=0.3"), ("5", r"\$5"), (r"\$12.50 per hour", r"\$12.50"), (r"\$5", "500 cents"), (r"\$5", "5 cm"), ("May 1", "1 May"), ("7:45 pm", "7:45"), ("12:00 am", "0:00"), ("0.333...", "0.333"), (r"4\Omega", "4"), ("isosceles triangle", "isosceles"), ("x^2+C", "x^2+k"), ("A+C", "A+K"), ("C(10,3)", "(10,3)"), ("C(10,3)", "120"), ("(10,3)", "C(10,3)"), ("105", "7!!"), ("(2n-1)!!", "(2n-1)!!"), ("720", "(3!)!"), (r"\frac{dy}{dx}=2x", "y'=2x"), ("5_1", "5_1"), (r"\{1,2,3\}", r"\{x\in\mathbb{Z}: 0<x<4\}"), ("max 5, min -3", "5, -3"), (r"\text{max } 5, \text{ min } -3", "-3, 5"), ("5 min 30 s", "330 s"), ("5", "max 5"), ("3", "3 if x > 0"), (r"\begin{cases}1&x>0\\2&x\le0\end{cases}", r"\begin{cases}1&x>0\\2&\text{otherwise}\end{cases}"), (r"\begin{cases}x+y=3\\x-y=1\end{cases}", "x+y=3, x-y=1")],
        [("1", r"1 \text{ if } n \text{ is even}, 0 \text{ if } n \text{ is odd}"), ("f(x)=x^2", "f(t)=x^2"), ("b_n=3^n", "b_k=3^n"), (r"\frac14", "[1,4]"), ("[3,11]", "3, 11"), ("3,11", "[3,12]"), ("3,11", "[3,11)"), ("(3,11)", "[3,11]"), (r"x\equiv3\pmod7", r"0\equiv0\pmod1"), (r"x\equiv3\pmod7", r"x\equiv x \pmod 7"), (r"x\equiv3\pmod7", "x=3+7k, k=0"), (r"x\equiv3\pmod7", "k"), ("3", r"10\pmod7"), (r"x\equiv3\pmod7", "10"), (r"x\equiv3\pmod7", "x=10k+3"), (r"a^2\equiv b\pmod p", r"a^2\equiv b \pmod q"), (r"a^2\equiv b\pmod p", r"b\equiv b \pmod p"), (r"a^{p-1}\equiv1\pmod p", "1"), (r"x \equiv 1 \pmod 2, x\equiv 2 \pmod 3", r"x \equiv 1 \pmod 2"), (r"x \equiv 1 \pmod 2, x\equiv 2 \pmod 3", r"x \equiv 1 \pmod 3, x\equiv 2 \pmod 2"), ("2", "2 to 3"), ("3", "3 out of 3"), ("5", "5 in 8"), ("(1,2)", r"\hat{i}\hat{j}"), ("(1,2)", r"1+\hat{i}+2\hat{j}"), ("(0,0)", "0"), ("(3,5)", r"\max(3,5)"), ("P(X>1)=0.2", "P(X<1)=0.2"), ("P(X>1)=0.2", "P(X=x)=0.2"), ("P(A|B)=0.3", "P(B|A)=0.3"), ("(a) 5, (b) 7", "5"), ("(a) 5, (b) 7", "(a) 5"), ("5", "(a) 5, (b) 7"), ("(a) 5, (b) 7", "7, 5"), (r"\$5", "5 euros"), (r"\$5", "5 cents"), (r"\$5", "€5"), ("£5", r"\$5"), ("June 14", "June 41"), ("1999-12-31", "1956"), ("7:45 pm", "19:54"), ("12:00 pm", "0:00"), ("0.123...", "0.124"), (r"4\Omega", "4 V"), (r"\Omega", "4"), ("isosceles", "triangle"), ("triangle", "isosceles triangle"), ("right triangle", "right angle"), ("linear function", "function"), ("diverges", "does not diverge"), ("converges", "diverges"), ("x^2+C", "x^2+x"), ("x^2+C", "x^2"), ("x^2+C", "kx^2"), ("C(10,3)", "30"), ("6", "C(2,3)"), ("5040", "7!!"), ("(2n-1)!!", "(2n+1)!!"), ("f^{-1}(x)=x+1", "f(x)=x+1"), ("f^{-1}(x)=x+1", "g^{-1}(x)=x+1"), (r"\frac{dy}{dx}=2x", "y=2x"), (r"\frac{dy}{dx}=2x", r"\frac{dz}{dx}=2x"), ("1011_2", "1011_{3}"), ("11", "1011 base 2"), ("1011_2", "11"), ("5_1", "5"), ("5_1", "5_2"), (r"\mathbb{R}\setminus[2,3]", r"\mathbb{R}"), (r"\{1,2,3\}", r"\{x\in\mathbb{R}: 0<x<4\}"), (r"\{1,2,3\}", r"\{x\in\mathbb{Z}: x<4\}"), ("Maximum: 5, Minimum: -3", "maximum = -3, minimum = 5"), (r"\begin{cases}1&x>0\\2&x\le0\end{cases}", r"\begin{cases}1&\text{otherwise}\\2&\text{otherwise}\end{cases}"), (r"\begin{cases}1&x>0\\2&x\le0\end{cases}", "1, 2")],
    ),
}  # fmt: skip
"""For each kind the pairs of reference and answer that are equal, and those that are different."""


@pytest.fixture(scope="module")
def math():
    with MathVerifier(max_workers=1) as verifier:
        yield verifier


@pytest.mark.parametrize("kind", PAIRS)
def test_verifier_decides_answers_of_a_kind(math, kind):
    equal, different = PAIRS[kind]
    values = {
        pair: verdict.value
        for pair, verdict in zip([*equal, *different], math.compare([*equal, *different]), strict=True)
    }
    assert {pair for pair in equal if values[pair] != 1.0} == set()
    assert {pair for pair in different if values[pair] != 0.0} == set()
