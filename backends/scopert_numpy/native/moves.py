"""Machine code that jobs call besides printed bodies: matrix products by BLAS, and copies between strides.

Every function is ``f(table, lo, hi, chunk)`` like a printed body; tables hold addresses and whole numbers, a word each.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from scopert_numpy.native import jit
from scopert_numpy.threads import blas_library

#: Columns or rows of a product are shared in multiples of this.
GRAIN = 16
_AXES = 4

_PRODUCT = """
declare void @BLAS(i32, i32, i32, INT, INT, INT, TYPE, ptr, INT, ptr, INT, TYPE, ptr, INT)

; Units are columns of c, its rows (shared = 1), both in grains, or whole products (2); `adds` to what c holds.
define void @NAME(ptr %table, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
LOADS
  %rows = icmp eq i64 %shared, 1
  %each = icmp eq i64 %shared, 2
  %first0 = mul i64 %lo, GRAIN
  %first = select i1 %each, i64 0, i64 %first0
  %end = mul i64 %hi, GRAIN
  %size = select i1 %rows, i64 %m, i64 %n
  %over = icmp sgt i64 %end, %size
  %past = or i1 %over, %each
  %last = select i1 %past, i64 %size, i64 %end
  %count = sub i64 %last, %first
  %ms = select i1 %rows, i64 %count, i64 %m
  %ns = select i1 %rows, i64 %n, i64 %count
  %begin = select i1 %each, i64 %lo, i64 0
  %finish = select i1 %each, i64 %hi, i64 %batches
  %turneda = icmp eq i64 %opa, 112
  %turnedb = icmp eq i64 %opb, 112
  %stepa0 = select i1 %turneda, i64 1, i64 %lda
  %stepb0 = select i1 %turnedb, i64 %ldb, i64 1
  %stepa = select i1 %rows, i64 %stepa0, i64 0
  %stepb = select i1 %rows, i64 0, i64 %stepb0
  %stepc = select i1 %rows, i64 %ldc, i64 1
  %offa = mul i64 %first, %stepa
  %offb = mul i64 %first, %stepb
  %offc = mul i64 %first, %stepc
  %pa = getelementptr TYPE, ptr %a, i64 %offa
  %pb = getelementptr TYPE, ptr %b, i64 %offb
  %pc = getelementptr TYPE, ptr %c, i64 %offc
  %opa32 = trunc i64 %opa to i32
  %opb32 = trunc i64 %opb to i32
CASTS
  %adding = icmp ne i64 %adds, 0
  %beta = select i1 %adding, TYPE 1.0, TYPE 0.0
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %ba = mul i64 %i, %nexta
  %bb = mul i64 %i, %nextb
  %bc = mul i64 %i, %nextc
  %qa = getelementptr TYPE, ptr %pa, i64 %ba
  %qb = getelementptr TYPE, ptr %pb, i64 %bb
  %qc = getelementptr TYPE, ptr %pc, i64 %bc
  call void @BLAS(i32 101, i32 %opa32, i32 %opb32, INT %mi, INT %ni, INT %ki, TYPE 1.0, ptr %qa, INT %ldai,
                  ptr %qb, INT %ldbi, TYPE %beta, ptr %qc, INT %ldci)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %finish
  br i1 %more, label %loop, label %leave
leave:
  ret void
}
"""
_WORDS = ("a", "b", "c", "m", "n", "k", "opa", "opb", "lda", "ldb", "ldc", "shared", "batches", "nexta", "nextb",
          "nextc", "adds")  # fmt: skip

_COPY = """
; source, target, extents, steps of the source in bytes, steps of the target, of four axes; units are of the first one
define void @copy.SIZE(ptr %table, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
LOADS
  %whole = icmp eq i64 %s3, SIZE
  %wholet = icmp eq i64 %t3, SIZE
  %dense = and i1 %whole, %wholet
  %bytes = mul i64 %n3, SIZE
  %work = icmp slt i64 %lo, %hi
  br i1 %work, label %head0, label %leave
head0:
  %i0 = phi i64 [ %lo, %entry ], [ %j0, %done0 ]
  %x0 = mul i64 %i0, %s0
  %y0 = mul i64 %i0, %t0
  br label %head1
head1:
  %i1 = phi i64 [ 0, %head0 ], [ %j1, %done1 ]
  %x1a = mul i64 %i1, %s1
  %x1 = add i64 %x0, %x1a
  %y1a = mul i64 %i1, %t1
  %y1 = add i64 %y0, %y1a
  br label %head2
head2:
  %i2 = phi i64 [ 0, %head1 ], [ %j2, %done2 ]
  %x2a = mul i64 %i2, %s2
  %x2 = add i64 %x1, %x2a
  %y2a = mul i64 %i2, %t2
  %y2 = add i64 %y1, %y2a
  %from = getelementptr i8, ptr %source, i64 %x2
  %to = getelementptr i8, ptr %target, i64 %y2
  br i1 %dense, label %block, label %head3
block:
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  br label %done2
head3:
  %i3 = phi i64 [ 0, %head2 ], [ %j3, %head3 ]
  %x3a = mul i64 %i3, %s3
  %x3 = getelementptr i8, ptr %from, i64 %x3a
  %y3a = mul i64 %i3, %t3
  %y3 = getelementptr i8, ptr %to, i64 %y3a
  %item = load iBITS, ptr %x3, align 1
  store iBITS %item, ptr %y3, align 1
  %j3 = add i64 %i3, 1
  %more3 = icmp slt i64 %j3, %n3
  br i1 %more3, label %head3, label %done2
done2:
  %j2 = add i64 %i2, 1
  %more2 = icmp slt i64 %j2, %n2
  br i1 %more2, label %head2, label %done1
done1:
  %j1 = add i64 %i1, 1
  %more1 = icmp slt i64 %j1, %n1
  br i1 %more1, label %head1, label %done0
done0:
  %j0 = add i64 %i0, 1
  %more0 = icmp slt i64 %j0, %hi
  br i1 %more0, label %head0, label %leave
leave:
  ret void
}
"""
_PICK = """
; source, target, indices, rows of the source, bytes of a row, a word that is set if an index is out of range
define void @pick.SIZE(ptr %table, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
LOADS
  %failed = load ptr, ptr %at.failed, align 8
  %work = icmp slt i64 %lo, %hi
  br i1 %work, label %loop, label %leave
loop:
  %i = phi i64 [ %lo, %entry ], [ %next, %done ]
  %place = getelementptr iBITS, ptr %indices, i64 %i
  %found = load iBITS, ptr %place, align SIZE
  %index = WIDEN
  %inside = icmp ult i64 %index, %rows
  br i1 %inside, label %copy, label %wrong
copy:
  %a = mul i64 %index, %bytes
  %from = getelementptr i8, ptr %source, i64 %a
  %b = mul i64 %i, %bytes
  %to = getelementptr i8, ptr %target, i64 %b
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  br label %done
wrong:
  store i64 1, ptr %failed, align 8
  br label %done
done:
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %hi
  br i1 %more, label %loop, label %leave
leave:
  ret void
}
"""
_PICK_WORDS = ("source", "target", "indices", "rows", "bytes", "failed")
_COPY_WORDS = ("source", "target", *[f"{letter}{k}" for letter in "nst" for k in range(_AXES)])


def _loads(words: Sequence[str], pointers: int) -> str:
    lines = []
    for place, word in enumerate(words):
        kind = "ptr" if place < pointers else "i64"
        lines.append(f"  %at.{word} = getelementptr i64, ptr %table, i64 {place}")
        lines.append(f"  %{word} = load {kind}, ptr %at.{word}, align 8")
    return "\n".join(lines)


class Moves:
    """Addresses of the functions; `products` by type, where BLAS can be called."""

    def __init__(self) -> None:
        text = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
        for size in (1, 2, 4, 8):
            part = _COPY.replace("SIZE", str(size)).replace("BITS", str(8 * size))
            text += part.replace("LOADS", _loads(_COPY_WORDS, 2))
        for size in (4, 8):
            widen = "sext i32 %found to i64" if size == 4 else "add i64 %found, 0"
            part = _PICK.replace("SIZE", str(size)).replace("BITS", str(8 * size)).replace("WIDEN", widen)
            loads = _loads(_PICK_WORDS, 3).rpartition("\n")[0]  # the last word is an address too
            text += part.replace("LOADS", loads)
        found = gemms()
        for kind, (address, word) in found.items():
            llvm.add_symbol(f"scopert_{kind}_product", address)
            part = _PRODUCT.replace("BLAS", f"scopert_{kind}_product").replace("NAME", f"product.{kind}")
            part = part.replace("GRAIN", str(GRAIN)).replace("LOADS", _loads(_WORDS, 3)).replace("TYPE", kind)
            names = {"mi": "ms", "ni": "ns", "ki": "k", "ldai": "lda", "ldbi": "ldb", "ldci": "ldc"}
            action = "trunc i64 {} to i32" if word == "i32" else "add i64 {}, 0"
            casts = "\n".join(f"  %{new} = {action.format('%' + old)}" for new, old in names.items())
            text += part.replace("CASTS", casts).replace("INT", word)
        self._library = library = jit.compile_text(text)
        self.products = {np.dtype(np.float32 if kind == "float" else np.float64): library.address(f"product.{kind}")
                         for kind in found}  # fmt: skip
        self.picks = {size: library.address(f"pick.{size}") for size in (4, 8)}
        self.copies = {size: library.address(f"copy.{size}") for size in (1, 2, 4, 8)}


@cache
def gemms() -> dict[str, tuple[int, str]]:
    """By LLVM's type: where the product of the BLAS that NumPy brings begins, and the type of its whole numbers."""
    found: dict[str, tuple[int, str]] = {}
    library, prefix, suffix = blas_library()
    if library is None:
        return found
    for kind, letter in (("float", "s"), ("double", "d")):
        try:
            function = library[f"{prefix}cblas_{letter}gemm{suffix}"]
        except AttributeError:
            continue
        address = ctypes.cast(function, ctypes.c_void_p).value
        if address:
            found[kind] = address, "i64" if suffix else "i32"
    return found


@cache
def moves() -> Moves:
    """The functions of this process."""
    return Moves()


def copy_table(source: Any, target: Any) -> tuple[tuple[int, ...], int] | None:
    """The words of a copy behind the two addresses, and its units, for arrays of one shape; None if too many axes."""
    axes = [(n, s, t) for n, s, t in zip(source.shape, source.strides, target.strides, strict=True) if n != 1]
    joined: list[tuple[int, int, int]] = []
    for n, s, t in axes:
        if joined and joined[-1][1] == s * n and joined[-1][2] == t * n:
            joined[-1] = joined[-1][0] * n, s, t
        else:
            joined.append((n, s, t))
    if len(joined) > _AXES:
        return None
    if not joined:
        joined = [(1, source.itemsize, source.itemsize)]
    joined = [(1, 0, 0)] * (_AXES - len(joined)) + joined
    words = [axis[part] for part in range(3) for axis in joined]
    return tuple(words), joined[0][0]
