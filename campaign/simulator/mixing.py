"""A shuffle of the 63-bit numbers that can be undone, so that ids need no table."""

BITS = 63  # X's ids are positive signed 64-bit integers: docs.x.com/fundamentals/x-ids
MASK = (1 << BITS) - 1
FACTOR = 0x5851F42D4C957F2D
INVERSE = pow(FACTOR, -1, 1 << BITS)
HALF = 32  # shifted twice by this, nothing of a 63-bit number is left: the step undoes itself


def scramble(number: int) -> int:
    """Returns the number from 0 to 2^63-1 that stands for `number`; 0 stands for itself."""
    for _ in range(2):
        number = (number * FACTOR) & MASK
        number ^= number >> HALF
    return number


def unscramble(number: int) -> int:
    """Returns the number that `scramble` turned into `number`."""
    for _ in range(2):
        number ^= number >> HALF
        number = (number * INVERSE) & MASK
    return number
