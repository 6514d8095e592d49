"""Sharing a range of work among threads without the interpreter: the machine code of `threads.Pool`.

A job is a function and a number of chunks. Its *ticket*, one word, counts the chunks that nobody has taken yet, with
the number of the job above them; a thread takes a chunk by decrementing it, atomically. The caller takes part, then
waits until all chunks are done. Workers that find nothing to do look again for some microseconds, then sleep.

A *straight* is a list of jobs, run one after the other in one call; while it runs, workers do not sleep.
"""

from __future__ import annotations

import ctypes
import math
import sys
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from scopert_numpy.native import jit

# Words of the state, a cache line apart where threads would get in each other's way.
_TICKET, _DONE, _JOB, _SLEEPERS, _BUSY, _QUIET, _STAY, _MUTEX, _CONDITION = 0, 8, 16, 24, 32, 33, 34, 40, 56
STATE_BYTES = 8 * 80
_CHAINS = 8

_TEXT = """
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()

define void @prepare(ptr %state) nounwind {
  %mutex = getelementptr i64, ptr %state, i64 MUTEX
  %condition = getelementptr i64, ptr %state, i64 CONDITION
  call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  call i32 @pthread_cond_init(ptr %condition, ptr null)
  ret void
}

; Takes and runs one chunk; false if there was none.
define internal i1 @take(ptr %state) nounwind {
entry:
  %donep = getelementptr i64, ptr %state, i64 DONE
  %job = getelementptr i64, ptr %state, i64 JOB
  br label %look
look:
  %ticket = load atomic i64, ptr %state acquire, align 64
  %left = and i64 %ticket, 4294967295
  %none = icmp eq i64 %left, 0
  br i1 %none, label %nothing, label %try
try:
  %less = sub i64 %ticket, 1
  %pair = cmpxchg ptr %state, i64 %ticket, i64 %less acq_rel acquire
  %mine = extractvalue { i64, i1 } %pair, 1
  br i1 %mine, label %run, label %look
run:
  %function = load ptr, ptr %job, align 8
  %tablep = getelementptr i64, ptr %job, i64 1
  %table = load ptr, ptr %tablep, align 8
  %unitsp = getelementptr i64, ptr %job, i64 2
  %units = load i64, ptr %unitsp, align 8
  %chunksp = getelementptr i64, ptr %job, i64 3
  %chunks = load i64, ptr %chunksp, align 8
  %chunk = sub i64 %chunks, %left
  call void @piece(ptr %function, ptr %table, i64 %units, i64 %chunks, i64 %chunk)
  %before = atomicrmw add ptr %donep, i64 1 release
  ret i1 true
nothing:
  ret i1 false
}

define internal void @piece(ptr %function, ptr %table, i64 %units, i64 %chunks, i64 %chunk) nounwind alwaysinline {
  %a = mul i64 %units, %chunk
  %lo = udiv i64 %a, %chunks
  %next = add i64 %chunk, 1
  %b = mul i64 %units, %next
  %hi = udiv i64 %b, %chunks
  call void %function(ptr %table, i64 %lo, i64 %hi, i64 %chunk)
  ret void
}

define void @work(ptr %state, i64 %spins) nounwind {
entry:
  %sleepers = getelementptr i64, ptr %state, i64 SLEEPERS
  %quiet = getelementptr i64, ptr %state, i64 QUIET
  %mutex = getelementptr i64, ptr %state, i64 MUTEX
  %condition = getelementptr i64, ptr %state, i64 CONDITION
  br label %awake
awake:
  %spin = phi i64 [ 0, %entry ], [ 0, %awake ], [ %more, %again ], [ 0, %woken ]
  %took = call i1 @take(ptr %state)
  br i1 %took, label %awake, label %idle
idle:
  %more = add i64 %spin, 1
  %silent = load atomic i64, ptr %quiet monotonic, align 8
  %limit = select i1 ISQUIET, i64 0, i64 %spins
  %tired = icmp ugt i64 %more, %limit
  %stay = getelementptr i64, ptr %state, i64 STAY
  %stays = load atomic i64, ptr %stay monotonic, align 8
  %free = icmp eq i64 %stays, 0
  %leaves = and i1 %tired, %free
  br i1 %leaves, label %sleep, label %again
again:
  PAUSE
  br label %awake
sleep:
  call i32 @pthread_mutex_lock(ptr %mutex)
  %slept = atomicrmw add ptr %sleepers, i64 1 seq_cst
  br label %check
check:
  %ticket = load atomic i64, ptr %state seq_cst, align 64
  %left = and i64 %ticket, 4294967295
  %none = icmp eq i64 %left, 0
  %wanted = load atomic i64, ptr %stay seq_cst, align 8
  %unwanted = icmp eq i64 %wanted, 0
  %waits = and i1 %none, %unwanted
  br i1 %waits, label %wait, label %woken
wait:
  call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  br label %check
woken:
  %rose = atomicrmw sub ptr %sleepers, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %awake
}

define void @dispatch(ptr %state, ptr %function, ptr %table, i64 %units, i64 %chunks) nounwind {
entry:
  %donep = getelementptr i64, ptr %state, i64 DONE
  %job = getelementptr i64, ptr %state, i64 JOB
  %sleepers = getelementptr i64, ptr %state, i64 SLEEPERS
  %busy = getelementptr i64, ptr %state, i64 BUSY
  %mutex = getelementptr i64, ptr %state, i64 MUTEX
  %condition = getelementptr i64, ptr %state, i64 CONDITION
  %pair = cmpxchg ptr %busy, i64 0, i64 1 acq_rel acquire
  %mine = extractvalue { i64, i1 } %pair, 1
  br i1 %mine, label %post, label %alone
alone: ; the workers serve another caller
  %chunk = phi i64 [ 0, %entry ], [ %following, %alone ]
  call void @piece(ptr %function, ptr %table, i64 %units, i64 %chunks, i64 %chunk)
  %following = add i64 %chunk, 1
  %rest = icmp ult i64 %following, %chunks
  br i1 %rest, label %alone, label %leave
leave:
  ret void
post:
  store ptr %function, ptr %job, align 8
  %tablep = getelementptr i64, ptr %job, i64 1
  store ptr %table, ptr %tablep, align 8
  %unitsp = getelementptr i64, ptr %job, i64 2
  store i64 %units, ptr %unitsp, align 8
  %chunksp = getelementptr i64, ptr %job, i64 3
  store i64 %chunks, ptr %chunksp, align 8
  store atomic i64 0, ptr %donep monotonic, align 64
  %old = load atomic i64, ptr %state monotonic, align 64
  %number = and i64 %old, -4294967296
  %next = add i64 %number, 4294967296
  %ticket = or i64 %next, %chunks
  store atomic i64 %ticket, ptr %state seq_cst, align 64
  fence seq_cst
  %asleep = load atomic i64, ptr %sleepers seq_cst, align 64
  %any = icmp ne i64 %asleep, 0
  br i1 %any, label %wake, label %help
wake:
  call i32 @pthread_mutex_lock(ptr %mutex)
  call i32 @pthread_cond_broadcast(ptr %condition)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %help
help:
  %took = call i1 @take(ptr %state)
  br i1 %took, label %help, label %wait
wait:
  %turn = phi i64 [ 0, %help ], [ %later, %pause ], [ %later, %yield ]
  %later = add i64 %turn, 1
  %done = load atomic i64, ptr %donep acquire, align 64
  %all = icmp eq i64 %done, %chunks
  br i1 %all, label %finish, label %patience
patience:
  %long = icmp ugt i64 %turn, 4000
  br i1 %long, label %yield, label %pause
pause:
  PAUSE
  br label %wait
yield:
  call i32 @sched_yield()
  br label %wait
finish:
  store atomic i64 0, ptr %busy release, align 8
  ret void
}

; Wakes the workers and keeps them awake (by = 1), or lets them sleep again (by = -1).
define void @stay(ptr %state, i64 %by) nounwind {
entry:
  %stay = getelementptr i64, ptr %state, i64 STAY
  %old = atomicrmw add ptr %stay, i64 %by seq_cst
  fence seq_cst
  %begins = icmp sgt i64 %by, 0
  br i1 %begins, label %look, label %leave
look:
  %sleepers = getelementptr i64, ptr %state, i64 SLEEPERS
  %asleep = load atomic i64, ptr %sleepers seq_cst, align 64
  %any = icmp ne i64 %asleep, 0
  br i1 %any, label %wake, label %leave
wake:
  %mutex = getelementptr i64, ptr %state, i64 MUTEX
  %condition = getelementptr i64, ptr %state, i64 CONDITION
  call i32 @pthread_mutex_lock(ptr %mutex)
  call i32 @pthread_cond_broadcast(ptr %condition)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %leave
leave:
  ret void
}

; Jobs of four words: function, table, units, chunks. Without a state this thread does all pieces.
define void @jobs(ptr %state, ptr %jobs, i64 %count) nounwind {
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %loop, label %leave
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %done ]
  %job = getelementptr [4 x i64], ptr %jobs, i64 %i
  %function = load ptr, ptr %job, align 8
  %tablep = getelementptr i64, ptr %job, i64 1
  %table = load ptr, ptr %tablep, align 8
  %unitsp = getelementptr i64, ptr %job, i64 2
  %units = load i64, ptr %unitsp, align 8
  %chunksp = getelementptr i64, ptr %job, i64 3
  %chunks = load i64, ptr %chunksp, align 8
  %shared = icmp sgt i64 %chunks, 1
  br i1 %shared, label %many, label %one
many:
  %nobody = icmp eq ptr %state, null
  br i1 %nobody, label %apiece, label %everybody
everybody:
  call void @dispatch(ptr %state, ptr %function, ptr %table, i64 %units, i64 %chunks)
  br label %done
apiece: ; the same pieces, one after the other
  %chunk = phi i64 [ 0, %many ], [ %following, %apiece ]
  call void @piece(ptr %function, ptr %table, i64 %units, i64 %chunks, i64 %chunk)
  %following = add i64 %chunk, 1
  %rest = icmp ult i64 %following, %chunks
  br i1 %rest, label %apiece, label %done
one:
  call void %function(ptr %table, i64 0, i64 %units, i64 0)
  br label %done
done:
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %leave
leave:
  ret void
}

; Writes addresses into tables, three words each: where to, which of the given arrays, plus so many bytes. What is given
; are the array objects of NumPy: the address of the elements is their first field, behind the head of every object.
define void @point(ptr %places, i64 %count, ptr %given) nounwind {
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %loop, label %leave
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %place = getelementptr [3 x i64], ptr %places, i64 %i
  %to = load ptr, ptr %place, align 8
  %whichp = getelementptr i64, ptr %place, i64 1
  %which = load i64, ptr %whichp, align 8
  %bytesp = getelementptr i64, ptr %place, i64 2
  %bytes = load i64, ptr %bytesp, align 8
  %arrayp = getelementptr i64, ptr %given, i64 %which
  %array = load ptr, ptr %arrayp, align 8
  %field = getelementptr i8, ptr %array, i64 HEAD
  %address = load i64, ptr %field, align 8
  %sum = add i64 %address, %bytes
  store i64 %sum, ptr %to, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %leave
leave:
  ret void
}

; Points tables at given addresses, then runs jobs; `stay` says whether workers are wanted all the time.
define void @straight(ptr %state, ptr %places, i64 %pointed, ptr %given, ptr %jobs, i64 %count, i64 %stay) nounwind {
entry:
  call void @point(ptr %places, i64 %pointed, ptr %given)
  %stays = icmp ne i64 %stay, 0
  br i1 %stays, label %together, label %alone
alone:
  call void @jobs(ptr %state, ptr %jobs, i64 %count)
  ret void
together:
  call void @stay(ptr %state, i64 1)
  call void @jobs(ptr %state, ptr %jobs, i64 %count)
  call void @stay(ptr %state, i64 -1)
  ret void
}

define void @rate(ptr %out, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ %lo, %entry ], [ %next, %loop ]
ACCUMULATORS
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %hi
  br i1 %more, label %loop, label %end
end:
STORES
  ret void
}

define void @nothing(ptr %table, i64 %lo, i64 %hi, i64 %chunk) nounwind {
  ret void
}
"""
_SYMBOLS = ("pthread_mutex_init", "pthread_mutex_lock", "pthread_mutex_unlock", "pthread_cond_init",
            "pthread_cond_wait", "pthread_cond_broadcast", "sched_yield")  # fmt: skip


class Dispatcher:
    """The functions, as callables; `nothing` is the address of a function that does nothing."""

    def __init__(self) -> None:
        text = _TEXT
        triple = jit.host().triple
        vector = f"<{jit.host().vector_bits // 32} x float>"
        phis = [f"  %a{k} = phi {vector} [ splat (float 1.0), %entry ], [ %b{k}, %loop ]" for k in range(_CHAINS)]
        steps = [f"  %b{k} = call {vector} @llvm.fmuladd.v{jit.host().vector_bits // 32}f32({vector} %a{k}, {vector} "
                 f"splat (float 0.5), {vector} splat (float 0.5))" for k in range(_CHAINS)]  # fmt: skip
        stores = [f"  store {vector} %b{k}, ptr %out, align 4" for k in range(_CHAINS)]
        text = text.replace("ACCUMULATORS", "\n".join(phis + steps)).replace("STORES", "\n".join(stores))
        pause = ""  # a hint that this thread waits
        if triple.startswith("x86_64"):
            pause, text = "call void @llvm.x86.sse2.pause()", text + "\ndeclare void @llvm.x86.sse2.pause()\n"
        elif triple.startswith(("aarch64", "arm64")):
            pause, text = "call void @llvm.aarch64.hint(i32 1)", text + "\ndeclare void @llvm.aarch64.hint(i32)\n"
        for name, value in (
            ("SLEEPERS", _SLEEPERS), ("MUTEX", _MUTEX), ("CONDITION", _CONDITION), ("DONE", _DONE), ("JOB", _JOB),
            ("HEAD", object.__basicsize__),
            ("BUSY", _BUSY), ("i64 STAY", f"i64 {_STAY}"), ("i64 QUIET", f"i64 {_QUIET}"), ("PAUSE", pause),
        ):  # fmt: skip
            text = text.replace(name, str(value))
        text = text.replace("%limit = select i1 ISQUIET", "%loud = icmp ne i64 %silent, 0\n  %limit = select i1 %loud")
        self._library = library = jit.compile_text(text)
        word, pointer = ctypes.c_int64, ctypes.c_void_p
        self.prepare: Any = jit.function(library, "prepare", (pointer,))
        self.work: Any = jit.function(library, "work", (pointer, word))
        self.dispatch: Any = jit.function(library, "dispatch", (pointer, pointer, pointer, word, word))
        self.stay: Any = jit.function(library, "stay", (pointer, word))
        self.straight: Any = jit.function(library, "straight", (pointer, pointer, word, pointer, pointer, word, word))
        self.nothing = library.address("nothing")
        self._rate = jit.function(library, "rate", (pointer, word, word, word))

    def nanoseconds_of_an_instruction(self) -> float:
        """What an arithmetic instruction on a whole vector costs, one after the other."""
        out = np.zeros(16 * _CHAINS, np.float32)
        best = math.inf
        for _ in range(8):
            start = time.perf_counter_ns()
            self._rate(out.ctypes.data, 0, 1000, 0)
            best = min(best, time.perf_counter_ns() - start)
        return best / (1000 * _CHAINS)


@cache
def dispatcher() -> Dispatcher | None:
    """The functions; None where the system has no POSIX threads."""
    jit.host()
    try:
        process = ctypes.CDLL(None)
        places = {name: ctypes.cast(process[name], ctypes.c_void_p).value for name in _SYMBOLS}
    except (OSError, TypeError, AttributeError):
        return None
    for name, place in places.items():
        # Not every build of LLVM looks into the process by itself.
        llvm.add_symbol(name, place)
    return Dispatcher()


def knows_arrays() -> bool:
    """Whether `point` finds the elements of NumPy's arrays: not in an interpreter that lays out objects otherwise."""
    array = np.zeros(3)
    field = ctypes.c_int64.from_address(id(array) + object.__basicsize__)
    return sys.implementation.name == "cpython" and field.value == array.ctypes.data


@dataclass(frozen=True)
class Rates:
    """How fast one thread is, in nanoseconds, as measured: a vector instruction, and a byte in the cache."""

    instruction: float
    byte: float


@cache
def rates() -> Rates:
    """The rates of this machine, measured in a fraction of a millisecond."""
    functions = dispatcher()
    instruction = functions.nanoseconds_of_an_instruction() if functions is not None else 1.0
    a = np.zeros(1 << 16, np.uint8)
    b, best = a.copy(), math.inf
    for _ in range(8):
        start = time.perf_counter_ns()
        np.copyto(b, a)
        best = min(best, time.perf_counter_ns() - start)
    return Rates(instruction, best / (2 * a.size))


def quiet_word(state: int) -> Any:
    """The word that tells idle workers not to look for work but to sleep at once."""
    return ctypes.c_int64.from_address(state + 8 * _QUIET)
