"""Units of measure: their names, dimensions and conversion factors."""

import re
from fractions import Fraction
from typing import NamedTuple

from herokit_math.tree import Call, Node, Num, Sym, has_names

__all__ = ["UNITS", "Unit", "find_currency", "is_currency", "parse_unit", "split_unit"]


class Unit(NamedTuple):
    """A unit.

    Attributes:
        dimension: its physical dimensions and their exponents, in alphabetical order; units of different dimensions are
            never equal.
        factor: the size in the dimension's base unit.
    """

    dimension: tuple[tuple[str, int], ...]
    factor: Fraction


_TABLE = """
length 1 m meter meters metre metres
length 1/100 cm centimeter centimeters centimetre centimetres
length 1/1000 mm millimeter millimeters millimetre millimetres
length 1/10 dm decimeter decimeters
length 1000 km kilometer kilometers kilometre kilometres kms
length 1/1000000 μm micrometer micrometers
time 1/1000000 microsecond microseconds
mass 1/1000000 microgram micrograms
length^3 1/1000000000 microliter microliters
length 1/1000000000 nm nanometer nanometers
length 127/5000 inch inches
length 381/1250 ft foot feet
length 1143/1250 yd yard yards
length 201168/125 mi mile miles
mass 1 g gram grams gm gms
mass 1000 kg kilogram kilograms kgs
mass 1/1000 mg milligram milligrams
mass 1000000 ton tons tonne tonnes
mass 45359237/100000 lb lbs pound pounds
mass 45359237/1600000 oz ounce ounces
time 1 s sec secs second seconds
time 1/1000 ms millisecond milliseconds
time 60 min mins minute minutes
time 3600 h hr hrs hour hours
time 86400 day days
time 604800 week weeks
month 1 month months
month 12 yr year years
length^3 1/1000 l L liter liters litre litres
length^3 1/1000000 ml mL cc milliliter milliliters millilitre millilitres
gallon 1 gallon gallons
gallon 1/4 quart quarts
gallon 1/8 pint pints
gallon 1/16 cup cups
length^2 10000 ha hectare hectares
length^2 316160658/78125 acre acres
money 1 dollar dollars usd bucks
money 1/100 cent cents ¢
yuan 1 yuan rmb
yen 1 yen
rupee 1 rupee rupees rs
euro 1 euro euros eur
sterling 1 quid gbp
length*time^-1 1397/3125 mph
length*time^-1 5/18 kmh kph
temperature-c 1 celsius
temperature-f 1 fahrenheit
length^2*mass*time^-2 1000 J joule joules
length^2*mass*time^-2 1000000 kJ kilojoule kilojoules
length^2*mass*time^-2 1000000000 MJ megajoule megajoules
length^2*mass*time^-2 3600000000 kWh
length*mass*time^-2 1000 N newton newtons
length*mass*time^-2 1000000 kN kilonewton kilonewtons
length^2*mass*time^-3 1000 W watt watts
length^2*mass*time^-3 1000000 kW kilowatt kilowatts
length^2*mass*time^-3 1 mW milliwatt milliwatts
length^2*mass*time^-3 1000000000 MW megawatt megawatts
length^2*mass*time^-3 1000000000000 GW gigawatt gigawatts
current^-1*length^2*mass*time^-3 1000 V volt volts
current 1 A amp amps ampere amperes
current 1/1000 mA milliamp milliamps milliampere milliamperes
current*time 1 coulomb coulombs
current^-2*length^2*mass*time^-3 1000 ohm ohms
current^-2*length^2*mass*time^-3 1000000 kiloohm kiloohms
current^-2*length^2*mass*time^-3 1000000000 megaohm megaohms
current^-2*length^2*mass*time^-3 1 milliohm milliohms
length^-1*mass*time^-2 1000 Pa pascal pascals
length^-1*mass*time^-2 1000000 kPa kilopascal kilopascals
length^-1*mass*time^-2 1000000000 MPa megapascal megapascals
time^-1 1 Hz hertz rps
time^-1 1/60 rpm
time^-1 1000 kHz kilohertz
time^-1 1000000 MHz megahertz
time^-1 1000000000 GHz gigahertz
amount 1 mol mole moles
amount 1/1000 mmol millimole millimoles
amount 1000 kmol
length^2*mass*time^-2 801088317/5000000000000000000000000 eV electronvolt electronvolts
length^2*mass*time^-2 801088317/5000000000000000000000 keV
length^2*mass*time^-2 801088317/5000000000000000000 MeV
length^2*mass*time^-2 801088317/5000000000000000 GeV
length^2*mass*time^-2 4184000 kcal kilocalorie kilocalories
length^-1*mass*time^-2 101325000 atm atmosphere atmospheres
length^-1*mass*time^-2 100000000 bar bars
current^-1*length^2*mass*time^-3 1 mV millivolt millivolts
current^-1*length^2*mass*time^-3 1000000 kV kilovolt kilovolts
decibel 1 dB decibel decibels
kelvin 1 K kelvin kelvins
"""


def _parse_table(table: str) -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for line in table.strip().splitlines():
        dimension, factor, *names = line.split()
        powers = (part.partition("^") for part in dimension.split("*"))
        unit = Unit(tuple((name, int(power or 1)) for name, _, power in powers), Fraction(factor))
        units.update(dict.fromkeys(names, unit))
    return units


UNITS = _parse_table(_TABLE)
_PREFIX_POWERS = {"square": 2, "sq": 2, "cubic": 3}
_SUFFIX_POWERS = {"squared": 2, "cubed": 3}
_MAX_POWER = 9


_CURRENCY = re.compile(r"\\(?:\$|(?:textdollar|pounds|euro|yen)(?![a-z]))|[€£¥₹]|^\s*\$(?=[^$]*$)")
_CURRENCIES = {"€": "euro", "£": "gbp", "¥": "yuan", "₹": "rupee", "\\euro": "euro", "\\pounds": "gbp", "\\yen": "yuan"}
_MONEY = {UNITS[name].dimension for name in ("dollar", "yen", *_CURRENCIES.values())}


def find_currency(text: str) -> Unit | None:
    r"""Return the unit of the only currency sign in a text as it is written; None without one, or with several.

    Example:
        >>> find_currency(r"\$5") == UNITS["dollar"], find_currency("€5") == UNITS["euro"], find_currency("$x$")
        (True, True, None)
    """
    if "$" not in text and "\\" not in text and text.isascii():
        return None
    signs = _CURRENCY.findall(text)
    return UNITS[_CURRENCIES.get(signs[0], "dollar")] if len(signs) == 1 else None


def is_currency(unit: Unit) -> bool:
    """Return whether a unit is one of money."""
    return unit.dimension in _MONEY


def parse_unit(words: tuple[str, ...]) -> Unit | None:
    """Return the unit that the words after a number name; None if it is unknown.

    Args:
        words: the words; powers are written ``^2``, quotients ``/`` or ``per``.

    Example:
        >>> parse_unit(("square", "cm"))
        Unit(dimension=(('length', 2),), factor=Fraction(1, 10000))
        >>> parse_unit(("apples",)) is None
        True
    """
    parts: list[tuple[Unit, int]] = []
    power = sign = 1
    for word in words:
        if word in {"/", "per"}:
            sign = -1
        elif word in _PREFIX_POWERS:
            power = _PREFIX_POWERS[word]
        elif (suffix := _parse_suffix(word)) and parts:
            parts[-1] = (parts[-1][0], parts[-1][1] * suffix)
        elif (unit := UNITS.get(word) or UNITS.get(word.lower())) is not None:
            parts.append((unit, sign * power))
            power = 1
        else:
            return None
    return _multiply_units(parts)


def _parse_suffix(word: str) -> int:
    """Return the power that a word is; 0 for other words."""
    if word in _SUFFIX_POWERS:
        return _SUFFIX_POWERS[word]
    digits = word.removeprefix("^").removeprefix("-")
    is_power = word.startswith("^") and digits.isdigit() and len(digits) == 1
    return int(word[1:]) if is_power else 0


def _multiply_units(parts: list[tuple[Unit, int]]) -> Unit | None:
    if not parts:
        return None
    factor = Fraction(1)
    exponents: dict[str, int] = {}
    for unit, power in parts:
        factor *= unit.factor**power
        for name, exponent in unit.dimension:
            exponents[name] = exponents.get(name, 0) + power * exponent
    return Unit(tuple(sorted((name, exponent) for name, exponent in exponents.items() if exponent)), factor)


def split_unit(node: Node) -> tuple[Node, Unit] | None:
    r"""Split a tree such as ``12 m / s`` into its number and its unit; None if it is not a number with units.

    Example:
        >>> number, unit = split_unit(Call("div", (Call("mul", (Num(Fraction(12)), Sym("m"))), Sym("s"))))
        >>> number, unit.dimension
        (Num(value=Fraction(12, 1), places=None), (('length', 1), ('time', -1)))
    """
    factors: list[Node] = []
    powers: dict[str, int] = {}
    if not _collect_factors(node, 1, factors, powers) or not powers or not factors:
        return None
    unit = _multiply_units([(UNITS[name], power) for name, power in powers.items()])
    number = factors[0] if len(factors) == 1 else Call("mul", tuple(factors))
    return None if unit is None else (number, unit)


def _collect_factors(node: Node, sign: int, factors: list[Node], powers: dict[str, int]) -> bool:
    """Collect the numbers and the units of a product or quotient; return whether it has nothing else."""
    if isinstance(node, Sym):
        powers[node.name] = powers.get(node.name, 0) + sign
        return node.name in UNITS
    match node:
        case Call("mul" | "div", (first, *rest)):
            sign_of_rest = sign if node.op == "mul" else -sign
            is_product = _collect_factors(first, sign, factors, powers)
            return is_product and all(_collect_factors(arg, sign_of_rest, factors, powers) for arg in rest)
        case Call("pow", (Sym(name), Num(exponent))) if exponent.denominator == 1 and abs(exponent) <= _MAX_POWER:
            powers[name] = powers.get(name, 0) + sign * int(exponent)
            return name in UNITS
        case Call("neg", (inside,)):
            factors.append(Num(Fraction(-1)))
            return _collect_factors(inside, sign, factors, powers)
    if has_names(node):
        return False
    factors.append(node if sign == 1 else Call("div", (Num(Fraction(1)), node)))
    return True
