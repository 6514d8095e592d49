"""Machine code that repeats jobs: the iterations of a loop, its elements of arrays, its stacks, its branches.

A list of jobs has four words each, as in `dispatch`. Three kinds more, by what stands for the units: a *branch*, which
skips so many jobs where a byte is not the wanted one; a *checked* job, which nobody shares and which may fail; and an
*interpreted* one, at which the call ends: the next one goes on behind it.

A *sequence* is a table that says where the rows of a TensorArray or of a stack lie. Jobs that take a row write its
address into the tables of those that read or fill it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from scopert.ops.row_memory import CLEARED, READ, WRITTEN
from scopert_numpy.native import jit
from scopert_numpy.native.dispatch import Dispatcher

#: What stands for the units of these jobs.
BRANCH, CHECKED, INTERPRETED = -1, -2, -3
#: Words of the head of a loop.
JOBS, DECIDED, REPEATED, TOTAL, CONDITION, FAILED, FAILURES, STATUS, RESUMED, AT, PART, HEAD_WORDS = range(12)
#: How a call ended: after so many iterations, of which another follows; at the end of the loop; at a failure; at a
#: job that the interpreter has to run.
PAUSED, ENDED, BROKEN, CALLED = range(4)
#: Words of a sequence. An array has a size, flags, whether a second write adds, what a read leaves, whether zeros may
#: be read; a stack a count and the number of rows that there is memory for.
ROWS, ROW_BYTES, SIZE, FLAGS, ADDS, READS_LEAVE, ZEROES = range(7)
COUNT, CAPACITY = 2, 3
SEQUENCE_WORDS = 7
#: Whether a write can add, by type.
KINDS = {np.dtype(np.float32): 1, np.dtype(np.float64): 2}

_TEXT = """
declare void @scopert_dispatch(ptr, ptr, ptr, i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; Runs the jobs from one number up to another. Returns -1, -2 if one failed, or the number behind a job that the
; interpreter has to run.
define internal i64 @run(ptr %state, ptr %jobs, i64 %from, i64 %to) nounwind {
entry:
  %any = icmp slt i64 %from, %to
  br i1 %any, label %loop, label %good
loop:
  %i = phi i64 [ %from, %entry ], [ %next, %done ], [ %past, %branch ]
  %job = getelementptr [4 x i64], ptr %jobs, i64 %i
  %function = load ptr, ptr %job, align 8
  %tablep = getelementptr i64, ptr %job, i64 1
  %table = load ptr, ptr %tablep, align 8
  %unitsp = getelementptr i64, ptr %job, i64 2
  %units = load i64, ptr %unitsp, align 8
  %chunksp = getelementptr i64, ptr %job, i64 3
  %chunks = load i64, ptr %chunksp, align 8
  %special = icmp slt i64 %units, 0
  br i1 %special, label %rare, label %usual
usual:
  %shared = icmp sgt i64 %chunks, 1
  br i1 %shared, label %many, label %one
one:
  call void %function(ptr %table, i64 0, i64 %units, i64 0)
  br label %done
many:
  %nobody = icmp eq ptr %state, null
  br i1 %nobody, label %apiece, label %everybody
everybody:
  call void @scopert_dispatch(ptr %state, ptr %function, ptr %table, i64 %units, i64 %chunks)
  br label %done
apiece: ; the same pieces, one after the other
  %chunk = phi i64 [ 0, %many ], [ %following, %apiece ]
  %a = mul i64 %units, %chunk
  %lo = udiv i64 %a, %chunks
  %following = add i64 %chunk, 1
  %b = mul i64 %units, %following
  %hi = udiv i64 %b, %chunks
  call void %function(ptr %table, i64 %lo, i64 %hi, i64 %chunk)
  %rest = icmp ult i64 %following, %chunks
  br i1 %rest, label %apiece, label %done
rare:
  switch i64 %units, label %interpreted [ i64 BRANCH, label %branch i64 CHECKED, label %checked ]
interpreted:
  %behind = add i64 %i, 1
  ret i64 %behind
branch: ; the function is the byte, the chunks are how many jobs to skip, twice, and the wanted value
  %byte = load i8, ptr %function, align 1
  %is = zext i8 %byte to i64
  %wanted = and i64 %chunks, 1
  %skip = lshr i64 %chunks, 1
  %taken = icmp eq i64 %is, %wanted
  %skipped = select i1 %taken, i64 0, i64 %skip
  %i1 = add i64 %i, 1
  %past = add i64 %i1, %skipped
  %on = icmp slt i64 %past, %to
  br i1 %on, label %loop, label %good
checked: ; the first word of the table is the word that tells a failure
  call void %function(ptr %table, i64 0, i64 0, i64 0)
  %failedp = load ptr, ptr %table, align 8
  %failed = load i64, ptr %failedp, align 8
  %bad = icmp ne i64 %failed, 0
  br i1 %bad, label %wrong, label %done
done:
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %to
  br i1 %more, label %loop, label %good
good:
  ret i64 -1
wrong:
  ret i64 -2
}

; Iterations of a loop, at most so many; returns how many were finished. A call that goes on where another one paused
; begins behind what leads to the condition; one that goes on after a call of the interpreter, at the job behind it.
define i64 @iterate(ptr %state, ptr %head, i64 %limit) nounwind {
entry:
  %jobs = load ptr, ptr %head, align 8
  %decidedp = getelementptr i64, ptr %head, i64 DECIDED
  %decided = load i64, ptr %decidedp, align 8
  %repeatedp = getelementptr i64, ptr %head, i64 REPEATED
  %repeated = load i64, ptr %repeatedp, align 8
  %totalp = getelementptr i64, ptr %head, i64 TOTAL
  %total = load i64, ptr %totalp, align 8
  %conditionp = getelementptr i64, ptr %head, i64 CONDITION
  %condition = load ptr, ptr %conditionp, align 8
  %failedp = getelementptr i64, ptr %head, i64 FAILED
  %failed = load ptr, ptr %failedp, align 8
  %failuresp = getelementptr i64, ptr %head, i64 FAILURES
  %failures = load i64, ptr %failuresp, align 8
  %statusp = getelementptr i64, ptr %head, i64 STATUS
  %resumedp = getelementptr i64, ptr %head, i64 RESUMED
  %resumed = load i64, ptr %resumedp, align 8
  %atp = getelementptr i64, ptr %head, i64 AT
  %partp = getelementptr i64, ptr %head, i64 PART
  switch i64 %resumed, label %again [ i64 1, label %decide i64 2, label %resume ]
resume:
  %at = load i64, ptr %atp, align 8
  %part = load i64, ptr %partp, align 8
  %first = icmp eq i64 %part, 0
  %second = icmp eq i64 %part, 1
  %later = select i1 %second, i64 %repeated, i64 %total
  %end = select i1 %first, i64 %decided, i64 %later
  %r = call i64 @run(ptr %state, ptr %jobs, i64 %at, i64 %end)
  switch i64 %part, label %after2 [ i64 0, label %after0 i64 1, label %after1 ]
again:
  %i = phi i64 [ 0, %entry ], [ %j, %iterated ]
  %r0 = call i64 @run(ptr %state, ptr %jobs, i64 0, i64 %decided)
  br label %after0
after0:
  %k0 = phi i64 [ %i, %again ], [ 0, %resume ]
  %s0 = phi i64 [ %r0, %again ], [ %r, %resume ]
  switch i64 %s0, label %called [ i64 -1, label %decide i64 -2, label %broken ]
decide:
  %k = phi i64 [ 0, %entry ], [ %k0, %after0 ]
  %byte = load i8, ptr %condition, align 1
  %holds = icmp ne i8 %byte, 0
  br i1 %holds, label %count, label %leave
count:
  %enough = icmp sge i64 %k, %limit
  br i1 %enough, label %pause, label %repeat
repeat:
  %r1 = call i64 @run(ptr %state, ptr %jobs, i64 %decided, i64 %repeated)
  br label %after1
after1:
  %k1 = phi i64 [ %k, %repeat ], [ 0, %resume ]
  %s1 = phi i64 [ %r1, %repeat ], [ %r, %resume ]
  switch i64 %s1, label %called [ i64 -1, label %look i64 -2, label %broken ]
look:
  %n = phi i64 [ 0, %after1 ], [ %m, %next ]
  %all = icmp sge i64 %n, %failures
  br i1 %all, label %iterated, label %next
next:
  %wordp = getelementptr i64, ptr %failed, i64 %n
  %word = load i64, ptr %wordp, align 8
  %m = add i64 %n, 1
  %zero = icmp eq i64 %word, 0
  br i1 %zero, label %look, label %broken
iterated:
  %j = add i64 %k1, 1
  br label %again
pause:
  store i64 1, ptr %resumedp, align 8
  store i64 PAUSED, ptr %statusp, align 8
  ret i64 %k
leave:
  %r2 = call i64 @run(ptr %state, ptr %jobs, i64 %repeated, i64 %total)
  br label %after2
after2:
  %k2 = phi i64 [ %k, %leave ], [ 0, %resume ]
  %s2 = phi i64 [ %r2, %leave ], [ %r, %resume ]
  switch i64 %s2, label %called [ i64 -1, label %ended i64 -2, label %broken ]
ended:
  store i64 ENDED, ptr %statusp, align 8
  ret i64 %k2
called:
  %kc = phi i64 [ %k0, %after0 ], [ %k1, %after1 ], [ %k2, %after2 ]
  %sc = phi i64 [ %s0, %after0 ], [ %s1, %after1 ], [ %s2, %after2 ]
  %pc = phi i64 [ 0, %after0 ], [ 1, %after1 ], [ 2, %after2 ]
  store i64 %sc, ptr %atp, align 8
  store i64 %pc, ptr %partp, align 8
  store i64 2, ptr %resumedp, align 8
  store i64 CALLED, ptr %statusp, align 8
  ret i64 %kc
broken:
  %o = phi i64 [ %k0, %after0 ], [ %k1, %after1 ], [ %k1, %next ], [ %k2, %after2 ]
  store i64 BROKEN, ptr %statusp, align 8
  ret i64 %o
}

; Writes an address into tables: pairs of where to, and how many bytes behind the address.
define internal void @show(ptr %pairs, i64 %count, i64 %address) nounwind alwaysinline {
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %loop, label %leave
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %pair = getelementptr [2 x i64], ptr %pairs, i64 %i
  %to = load ptr, ptr %pair, align 8
  %bytesp = getelementptr i64, ptr %pair, i64 1
  %bytes = load i64, ptr %bytesp, align 8
  %sum = add i64 %address, %bytes
  store i64 %sum, ptr %to, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %leave
leave:
  ret void
}

; failed, sequence, index, count of pairs, pairs: an element is read where it lies.
define void @element(ptr %table, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
ARRAY
  %countp = getelementptr i64, ptr %table, i64 3
  %count = load i64, ptr %countp, align 8
  %pairs = getelementptr i64, ptr %table, i64 4
  br i1 %inside, label %there, label %wrong
there:
  %flag = load i8, ptr %flagp, align 1
  %cleared = and i8 %flag, CLEARED
  %gone = icmp ne i8 %cleared, 0
  br i1 %gone, label %wrong, label %kept
kept:
  %written = and i8 %flag, WRITTEN
  %filled = icmp ne i8 %written, 0
  br i1 %filled, label %found, label %empty
empty:
  %zeroesp = getelementptr i64, ptr %sequence, i64 ZEROES
  %zeroes = load i64, ptr %zeroesp, align 8
  %may = icmp ne i64 %zeroes, 0
  br i1 %may, label %clear, label %wrong
clear:
  call void @llvm.memset.p0.i64(ptr %row, i8 0, i64 %bytes, i1 false)
  br label %found
found:
  %leavep = getelementptr i64, ptr %sequence, i64 READS_LEAVE
  %leave64 = load i64, ptr %leavep, align 8
  %leaves = trunc i64 %leave64 to i8
  %now = or i8 %flag, %leaves
  store i8 %now, ptr %flagp, align 1
  %address = ptrtoint ptr %row to i64
  call void @show(ptr %pairs, i64 %count, i64 %address)
  ret void
wrong:
  store i64 1, ptr %failed, align 8
  ret void
}

; failed, sequence, index, source, whether it can be added and how: an element is written, or added to.
define void @write(ptr %table, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
ARRAY
  %sourcep = getelementptr i64, ptr %table, i64 3
  %source = load ptr, ptr %sourcep, align 8
  br i1 %inside, label %there, label %wrong
there:
  %flag = load i8, ptr %flagp, align 1
  %wasread = and i8 %flag, READ
  %late = icmp ne i8 %wasread, 0
  br i1 %late, label %wrong, label %open
open:
  %written = and i8 %flag, WRITTEN
  %filled = icmp ne i8 %written, 0
  br i1 %filled, label %again, label %fill
fill:
  call void @llvm.memcpy.p0.p0.i64(ptr %row, ptr %source, i64 %bytes, i1 false)
  %now = or i8 %flag, WRITTEN
  store i8 %now, ptr %flagp, align 1
  ret void
again:
  %addsp = getelementptr i64, ptr %sequence, i64 ADDS
  %adds = load i64, ptr %addsp, align 8
  %kindp = getelementptr i64, ptr %table, i64 4
  %kind0 = load i64, ptr %kindp, align 8
  %kind = mul i64 %kind0, %adds
  switch i64 %kind, label %wrong [ i64 1, label %floats i64 2, label %doubles ]
floats:
  %fn = lshr i64 %bytes, 2
  br label %float
float:
  %fi = phi i64 [ 0, %floats ], [ %fj, %float ]
  %fa = getelementptr float, ptr %row, i64 %fi
  %fb = getelementptr float, ptr %source, i64 %fi
  %fx = load float, ptr %fa, align 4
  %fy = load float, ptr %fb, align 4
  %fz = fadd float %fx, %fy
  store float %fz, ptr %fa, align 4
  %fj = add i64 %fi, 1
  %fmore = icmp ult i64 %fj, %fn
  br i1 %fmore, label %float, label %leave
doubles:
  %dn = lshr i64 %bytes, 3
  br label %double
double:
  %di = phi i64 [ 0, %doubles ], [ %dj, %double ]
  %da = getelementptr double, ptr %row, i64 %di
  %db = getelementptr double, ptr %source, i64 %di
  %dx = load double, ptr %da, align 8
  %dy = load double, ptr %db, align 8
  %dz = fadd double %dx, %dy
  store double %dz, ptr %da, align 8
  %dj = add i64 %di, 1
  %dmore = icmp ult i64 %dj, %dn
  br i1 %dmore, label %double, label %leave
leave:
  ret void
wrong:
  store i64 1, ptr %failed, align 8
  ret void
}

; failed, sequence, count of pairs, pairs: the next row of a stack is given out.
define void @push(ptr %table, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
STACK
  %capacityp = getelementptr i64, ptr %sequence, i64 CAPACITY
  %capacity = load i64, ptr %capacityp, align 8
  %room = icmp slt i64 %level, %capacity
  br i1 %room, label %found, label %wrong
found:
  %above = add i64 %level, 1
  store i64 %above, ptr %levelp, align 8
  %offset = mul i64 %level, %bytes
  %address = add i64 %rows, %offset
  call void @show(ptr %pairs, i64 %count, i64 %address)
  ret void
wrong:
  store i64 1, ptr %failed, align 8
  ret void
}

; The same: the last row of a stack is taken back.
define void @pop(ptr %table, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
STACK
  %any = icmp sgt i64 %level, 0
  br i1 %any, label %found, label %wrong
found:
  %below = sub i64 %level, 1
  store i64 %below, ptr %levelp, align 8
  %offset = mul i64 %below, %bytes
  %address = add i64 %rows, %offset
  call void @show(ptr %pairs, i64 %count, i64 %address)
  ret void
wrong:
  store i64 1, ptr %failed, align 8
  ret void
}
"""
_BOTH = """
  %failed = load ptr, ptr %table, align 8
  %sequencep = getelementptr i64, ptr %table, i64 1
  %sequence = load ptr, ptr %sequencep, align 8
  %rows = load ROWTYPE, ptr %sequence, align 8
  %bytesp = getelementptr i64, ptr %sequence, i64 ROW_BYTES
  %bytes = load i64, ptr %bytesp, align 8
"""
_ARRAY = (
    _BOTH.replace("ROWTYPE", "ptr")
    + """
  %indexp = getelementptr i64, ptr %table, i64 2
  %index0 = load ptr, ptr %indexp, align 8
  %index32 = load i32, ptr %index0, align 4
  %index = sext i32 %index32 to i64
  %sizep = getelementptr i64, ptr %sequence, i64 SIZE
  %size = load i64, ptr %sizep, align 8
  %inside = icmp ult i64 %index, %size
  %flagsp = getelementptr i64, ptr %sequence, i64 FLAGS
  %flags = load ptr, ptr %flagsp, align 8
  %flagp = getelementptr i8, ptr %flags, i64 %index
  %behind = mul i64 %index, %bytes
  %row = getelementptr i8, ptr %rows, i64 %behind
"""
)
_STACK = (
    _BOTH.replace("ROWTYPE", "i64")
    + """
  %levelp = getelementptr i64, ptr %sequence, i64 COUNT
  %level = load i64, ptr %levelp, align 8
  %countp = getelementptr i64, ptr %table, i64 2
  %count = load i64, ptr %countp, align 8
  %pairs = getelementptr i64, ptr %table, i64 3
"""
)


class Iterations:
    """The functions: `iterate` as a callable, addresses of the others."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        address = ctypes.cast(dispatcher.dispatch, ctypes.c_void_p).value
        llvm.add_symbol("scopert_dispatch", address)
        text = _TEXT.replace("ARRAY\n", _ARRAY).replace("STACK\n", _STACK)
        words = {
            "DECIDED": DECIDED, "REPEATED": REPEATED, "TOTAL": TOTAL, "CONDITION": CONDITION, "FAILURES": FAILURES,
            "FAILED": FAILED, "STATUS": STATUS, "RESUMED": RESUMED, "AT": AT, "PART": PART, "PAUSED": PAUSED,
            "ENDED": ENDED, "BROKEN": BROKEN, "CALLED": CALLED, "BRANCH": BRANCH, "CHECKED": CHECKED,
            "ROW_BYTES": ROW_BYTES, "SIZE": SIZE, "FLAGS": FLAGS, "ADDS": ADDS, "READS_LEAVE": READS_LEAVE,
            "ZEROES": ZEROES, "COUNT": COUNT, "CAPACITY": CAPACITY, "CLEARED": CLEARED, "READ": READ,
            "WRITTEN": WRITTEN,
        }  # fmt: skip
        for name, value in words.items():
            text = text.replace(f" {name}\n", f" {value}\n").replace(f" {name},", f" {value},")
        self._library = library = jit.compile_text(text)
        word, pointer = ctypes.c_int64, ctypes.c_void_p
        self.iterate: Any = jit.function(library, "iterate", (pointer, pointer, word), word)
        self.element, self.write, self.push, self.pop = (
            library.address(name) for name in ("element", "write", "push", "pop")
        )


@cache
def iterations(dispatcher: Dispatcher) -> Iterations:
    """The functions of this process."""
    return Iterations(dispatcher)
