"""Units of measure: their names and conversion factors."""

from fractions import Fraction
from typing import NamedTuple

__all__ = ["UNITS", "Unit", "parse_unit"]


class Unit(NamedTuple):
    """A unit.

    Attributes:
        dimension: the physical dimension; units of different dimensions are never equal.
        factor: the size in the dimension's base unit.
    """

    dimension: str
    factor: Fraction


_TABLE = """
length 1 m meter meters metre metres
length 1/100 cm centimeter centimeters centimetre centimetres
length 1/1000 mm millimeter millimeters millimetre millimetres
length 1/10 dm decimeter decimeters
length 1000 km kilometer kilometers kilometre kilometres kms
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
time 60 min mins minute minutes
time 3600 h hr hrs hour hours
time 86400 day days
time 604800 week weeks
month 1 month months
month 12 yr year years
volume 1 l L liter liters litre litres
volume 1/1000 ml mL milliliter milliliters millilitre millilitres
gallon 1 gallon gallons
gallon 1/4 quart quarts
gallon 1/8 pint pints
gallon 1/16 cup cups
money 1 dollar dollars usd bucks
money 1/100 cent cents ¢
yuan 1 yuan rmb
rupee 1 rupee rupees rs
euro 1 euro euros eur
sterling 1 quid gbp
mph 1 mph
temperature-c 1 celsius
temperature-f 1 fahrenheit
speed 1 kmh kph
energy 1 J joule joules
energy 1000 kJ
force 1 N newton newtons
power 1 W watt watts
voltage 1 V volt volts
current 1 A amp amps ampere amperes
resistance 1 ohm ohms
pressure 1 Pa pascal pascals
frequency 1 Hz hertz
amount 1 mol mole moles
kelvin 1 K kelvin kelvins
"""


def _parse_table(table: str) -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for line in table.strip().splitlines():
        dimension, factor, *names = line.split()
        units.update(dict.fromkeys(names, Unit(dimension, Fraction(factor))))
    return units


UNITS = _parse_table(_TABLE)
_PREFIX_POWERS = {"square": 2, "sq": 2, "cubic": 3}
_SUFFIX_POWERS = {"squared": 2, "cubed": 3, "^2": 2, "^3": 3}


def parse_unit(words: tuple[str, ...]) -> Unit | None:
    """Return the unit that the words after a number name; None if it is unknown.

    Args:
        words: the words; powers are written ``^2``, quotients ``/`` or ``per``.

    Example:
        >>> parse_unit(("square", "cm"))
        Unit(dimension='length^2', factor=Fraction(1, 10000))
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
        elif word in _SUFFIX_POWERS and parts:
            parts[-1] = (parts[-1][0], parts[-1][1] * _SUFFIX_POWERS[word])
        elif (unit := UNITS.get(word) or UNITS.get(word.lower())) is not None:
            parts.append((unit, sign * power))
            power = 1
        else:
            return None
    if not parts:
        return None
    factor = Fraction(1)
    for unit, exponent in parts:
        factor *= unit.factor**exponent
    return Unit("*".join(sorted(f"{u.dimension}^{e}" if e != 1 else u.dimension for u, e in parts)), factor)
