"""Machine code that finds the distinct numbers of a vector, in the order in which they first appear, by hashes."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from scopert_numpy.native.rows import WORDS
from scopert_numpy.native.writer import Function

# The factor is the golden ratio's share of 2^64: the upper bits of a product with it depend on all bits of a number.
_TEXT = """
define void @rows(ptr %buffers, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
  %x = load ptr, ptr %buffers, align 8
  %slotsp = getelementptr ptr, ptr %buffers, i64 1
  %slots = load ptr, ptr %slotsp, align 8
  %valuesp = getelementptr ptr, ptr %buffers, i64 2
  %values = load ptr, ptr %valuesp, align 8
  %indexp = getelementptr ptr, ptr %buffers, i64 3
  %index = load ptr, ptr %indexp, align 8
  %numbersp = getelementptr ptr, ptr %buffers, i64 4
  %numbers = load ptr, ptr %numbersp, align 8
  %n = load i64, ptr %numbers, align 8
  %shiftp = getelementptr i64, ptr %numbers, i64 1
  %shift = load i64, ptr %shiftp, align 8
  %maskp = getelementptr i64, ptr %numbers, i64 2
  %mask = load i64, ptr %maskp, align 8
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %following, %done ]
  %found = phi i64 [ 0, %entry ], [ %sofar, %done ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %look, label %end
look:
  %place = getelementptr KIND, ptr %x, i64 %i
  %key = load KIND, ptr %place, align SIZE
  %wide = WIDEN
  %product = mul i64 %wide, -7046029254386353131
  %hash = lshr i64 %product, %shift
  br label %probe
probe:
  %at = phi i64 [ %hash, %look ], [ %beside, %other ]
  %slotp = getelementptr i32, ptr %slots, i64 %at
  %slot = load i32, ptr %slotp, align 4
  %empty = icmp slt i32 %slot, 0
  br i1 %empty, label %new, label %compare
compare:
  %number = zext i32 %slot to i64
  %knownp = getelementptr KIND, ptr %values, i64 %number
  %known = load KIND, ptr %knownp, align SIZE
  %same = icmp eq KIND %known, %key
  br i1 %same, label %done, label %other
other:
  %after = add i64 %at, 1
  %beside = and i64 %after, %mask
  br label %probe
new:
  %short = trunc i64 %found to i32
  store i32 %short, ptr %slotp, align 4
  %newp = getelementptr KIND, ptr %values, i64 %found
  store KIND %key, ptr %newp, align SIZE
  %onemore = add i64 %found, 1
  br label %done
done:
  %which = phi i64 [ %found, %new ], [ %number, %compare ]
  %sofar = phi i64 [ %onemore, %new ], [ %found, %compare ]
  %target = getelementptr i64, ptr %index, i64 %i
  store i64 %which, ptr %target, align 8
  %following = add i64 %i, 1
  br label %next
end:
  %countp = getelementptr i64, ptr %numbers, i64 3
  store i64 %found, ptr %countp, align 8
  ret void
}
"""
_Numbers = ctypes.c_int64 * 4
#: Positions in the table are 32 bits.
_LONGEST = 1 << 30


@cache
def _function(word: str) -> Function:
    widen = "sext i32 %key to i64" if word == "i32" else "add i64 %key, 0"
    text = _TEXT.replace("KIND", word).replace("SIZE", "4" if word == "i32" else "8").replace("WIDEN", widen)
    return Function(text, 4)


def distinct(x: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The distinct numbers of a vector, and which of them each element is (int64); None if that is not written."""
    word = WORDS.get(x.dtype)
    if word is None or x.ndim != 1 or not 0 < x.size < _LONGEST:
        return None
    x = np.ascontiguousarray(x)
    bits = max(4, (2 * x.size - 1).bit_length())
    slots, values, index = np.full(1 << bits, -1, np.int32), np.empty_like(x), np.empty(x.size, np.int64)
    numbers = _Numbers(x.size, 64 - bits, (1 << bits) - 1, 0)
    _function(word)((x, slots, values, index), numbers, 1, 1)
    return values[: numbers[3]].copy(), index
