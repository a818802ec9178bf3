"""The sums of thousands of segments at once, for their checksums; what a checksum is stands in `checksums`.

Of a sum only the remainder by 65,535 counts. It may be taken of numbers whose two bytes are swapped, and has its own
swapped then (RFC 1071 section 2, B): multiplied by 256, it is as if they had not been, as 256 * 256 leaves 1.
"""

import numpy as np


def added(words: np.ndarray) -> np.ndarray:
    """Add up 16-bit numbers: the first of each frame, the second of each, and so on."""
    total = np.zeros(words.shape[1], np.int64)
    for numbers in words:
        total += numbers
    return total


def swapped(sums: np.ndarray) -> np.ndarray:
    """Return what the sums would be, had the two bytes of each number been swapped."""
    return sums * 256


def between(octets: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Add up the 16-bit numbers from these bytes up to those; the last byte of an odd count is the larger half of one.

    Args: octets: of an even count, which is above all of `ends`. Returns: one sum for each.
    """
    sums = np.zeros(len(begins), np.int64)
    some = np.flatnonzero(begins < ends)
    if not len(some):
        return sums
    begin, end = begins[some], ends[some]
    bounds = np.stack([(begin + 1) // 2, end // 2], axis=1)  # numbers are read at even places, wherever frames begin
    whole = np.add.reduceat(octets.view("<u2"), bounds.ravel(), dtype=np.uint32)[::2].astype(np.int64)
    whole *= bounds[:, 0] < bounds[:, 1]  # where nothing is to be added, reduceat gives the first number
    odd = begin % 2
    whole += odd * octets[begin] * 256 + end % 2 * octets[end - 1]  # what the cuts left over at both ends
    sums[some] = np.where(odd, whole, swapped(whole))
    return sums
