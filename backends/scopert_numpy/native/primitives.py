"""Every primitive of `Fused` bodies as instructions.

float16 and bfloat16 are computed in float32, and rounded after each primitive; bool is one bit, a byte in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scopert.graph.dtypes import DType, bfloat16, float16, float32, float64
from scopert_numpy.native import functions as f
from scopert_numpy.native.builder import BITS, Builder, Value


class Unsupported(Exception):
    """A body, or a part of it, that machine code is not written for: the NumPy printer has it."""


_FLOAT32_ONLY = frozenset({"sin", "cos", "tan", "erf", "atan2", "pow"})


def register_kind(dtype: DType) -> str:
    """LLVM's type of a value while it is computed.

    Raises
    ------
    Unsupported
        For complex numbers, strings and handles.
    """
    if dtype.is_bool:
        return "i1"
    if dtype.is_integer:
        return f"i{dtype.np.itemsize * 8}"
    if dtype is float64:
        return "double"
    if dtype in (float32, float16, bfloat16):
        return "float"
    raise Unsupported(f"values of type {dtype.name}")


def memory_kind(dtype: DType) -> str:
    """LLVM's type of an element in memory."""
    if dtype.is_bool:
        return "i8"
    if dtype is bfloat16:
        return "i16"  # converted by integer arithmetic: few machines have instructions
    return "half" if dtype is float16 else register_kind(dtype)


def from_memory(b: Builder, value: Value, dtype: DType) -> Value:
    """What was loaded, as it is computed with."""
    if dtype.is_bool:
        return b.compare("icmp ne", value, b.like(value, 0))
    if dtype is float16:
        return b.convert("fpext", value, "float")
    if dtype is bfloat16:
        wide = b.convert("zext", value, "i32")
        return b.floats(b.binary("shl", wide, b.like(wide, 16)))
    return value


#: What they give of 16-bit numbers is one: it needs no rounding.
EXACT = frozenset({"neg", "abs", "sign", "floor", "ceil", "round", "max", "min", "select"})


def rounded(b: Builder, value: Value, op: str, dtype: DType) -> Value:
    """The result of a primitive as a number of its type: what other printers and the plain path have."""
    if dtype not in (float16, bfloat16) or op in EXACT:
        return value
    return from_memory(b, to_memory(b, value, dtype), dtype)


def to_memory(b: Builder, value: Value, dtype: DType) -> Value:
    """What was computed, as it is stored."""
    if dtype.is_bool:
        return b.convert("zext", value, "i8")
    if dtype is float16:
        return b.convert("fptrunc", value, "half")
    if dtype is bfloat16:  # to the nearest, ties to even
        bits = b.bits(value)
        tie = b.binary("and", b.binary("lshr", bits, b.like(bits, 16)), b.like(bits, 1))
        rounded = b.binary("add", bits, b.binary("add", tie, b.like(bits, 0x7FFF)))
        quiet = b.binary("or", bits, b.like(bits, 0x400000))
        bits = b.select(b.compare("fcmp uno", value, value), quiet, rounded)
        return b.convert("trunc", b.binary("lshr", bits, b.like(bits, 16)), "i16")
    return value


def constant(b: Builder, value: float, dtype: DType) -> Value:
    """A number of a type."""
    return b.constant(register_kind(dtype), float(dtype.np.type(value)) if dtype.is_floating else value)


def identity(op: str, dtype: DType) -> float:
    """What a reduction over nothing gives."""
    if op in ("sum", "prod"):
        return 0 if op == "sum" else 1
    smallest = op == "max_over"
    if dtype.is_floating:
        return -math.inf if smallest else math.inf
    if dtype.is_bool:
        return 0 if smallest else 1
    bits = dtype.np.itemsize * 8
    if dtype.is_unsigned:
        return 0 if smallest else 2**bits - 1
    return -(2 ** (bits - 1)) if smallest else 2 ** (bits - 1) - 1


def combine(b: Builder, op: str, a: Value, c: Value, dtype: DType) -> Value:
    """Two partial results of a reduction."""
    if dtype.is_floating and op in ("sum", "prod"):
        return b.binary("fadd reassoc" if op == "sum" else "fmul", a, c)
    return binary(b, {"sum": "add", "prod": "mul", "max_over": "max", "min_over": "min"}[op], a, c, dtype)


_UNARY_FLOAT: dict[str, Callable[[Builder, Value], Value]] = {
    "neg": lambda b, x: b.negate(x),
    "abs": f.absolute,
    "square": lambda b, x: b.binary("fmul", x, x),
    "sqrt": lambda b, x: b.call("sqrt", x),
    "rsqrt": lambda b, x: b.div(b.like(x, 1.0), b.call("sqrt", x)),
    "reciprocal": lambda b, x: b.div(b.like(x, 1.0), x),
    "floor": lambda b, x: b.call("floor", x),
    "ceil": lambda b, x: b.call("ceil", x),
    "round": lambda b, x: b.call("rint", x),
    "exp": f.exp, "expm1": f.expm1, "log": f.log, "log1p": f.log1p, "tanh": f.tanh, "sigmoid": f.sigmoid,
    "softplus": f.softplus, "erf": f.erf, "sin": f.sin, "cos": f.cos, "tan": f.tan,
}  # fmt: skip


def unary(b: Builder, op: str, x: Value, dtype: DType) -> Value:
    """A primitive of one operand of type `dtype`.

    Raises
    ------
    Unsupported
        If there is no machine code for it and this type.
    """
    if op in ("isnan", "isinf", "isfinite"):
        return _classify(b, op, x, dtype)
    if dtype.is_bool:
        if op == "not":
            return b.binary("xor", x, b.like(x, 1))
        raise Unsupported(f"{op} of bool")
    if not dtype.is_floating:
        return _unary_integer(b, op, x, dtype)
    if op in _FLOAT32_ONLY and x.kind != "float":
        raise Unsupported(f"{op} of {dtype.name}")
    if op == "sign":
        zero, one = b.like(x, 0.0), b.like(x, 1.0)
        rest = b.select(b.compare("fcmp oeq", x, zero), zero, x)  # keeps not a number
        rest = b.select(b.compare("fcmp olt", x, zero), b.like(x, -1.0), rest)
        return b.select(b.compare("fcmp ogt", x, zero), one, rest)
    if op not in _UNARY_FLOAT:
        raise Unsupported(f"{op} of {dtype.name}")
    return _UNARY_FLOAT[op](b, x)


def _classify(b: Builder, op: str, x: Value, dtype: DType) -> Value:
    if not dtype.is_floating:
        return b.constant("i1", op == "isfinite", x.lanes)
    if op == "isnan":
        return b.compare("fcmp uno", x, x)
    return b.compare("fcmp oeq" if op == "isinf" else "fcmp olt", f.absolute(b, x), b.like(x, math.inf))


def _unary_integer(b: Builder, op: str, x: Value, dtype: DType) -> Value:
    zero = b.like(x, 0)
    if op == "neg":
        return b.binary("sub", zero, x)
    if op == "square":
        return b.binary("mul", x, x)
    if op == "abs":
        return x if dtype.is_unsigned else b.call("abs", x, tail="i1 false")
    if op == "sign":
        positive = b.select(b.compare("icmp ne", x, zero), b.like(x, 1), zero)
        return positive if dtype.is_unsigned else b.select(b.compare("icmp slt", x, zero), b.like(x, -1), positive)
    if op in ("floor", "ceil", "round"):
        return x
    raise Unsupported(f"{op} of {dtype.name}")


_COMPARE_FLOAT = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_ARITHMETIC_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_LOGIC = {"and": "and", "or": "or", "xor": "xor"}


def binary(b: Builder, op: str, x: Value, y: Value, dtype: DType) -> Value:
    """A primitive of two operands of type `dtype`.

    Raises
    ------
    Unsupported
        If there is no machine code for it and this type.
    """
    x, y = b.alike(x, y)
    if op in _LOGIC:
        if not dtype.is_bool:
            raise Unsupported(f"{op} of {dtype.name}")
        return b.binary(_LOGIC[op], x, y)
    if dtype.is_floating:
        return _binary_float(b, op, x, y, dtype)
    unsigned = dtype.is_unsigned or dtype.is_bool
    if op in _COMPARE_FLOAT:
        sign = "" if op in ("eq", "ne") else "u" if unsigned else "s"
        return b.compare(f"icmp {sign}{op}", x, y)
    if op in ("max", "min"):
        if dtype.is_bool:
            return b.binary("or" if op == "max" else "and", x, y)
        return b.call(("u" if unsigned else "s") + op, x, y)
    if dtype.is_bool:
        if op in ("add", "mul"):
            return b.binary("or" if op == "add" else "and", x, y)
        raise Unsupported(f"{op} of bool")
    if op in ("add", "sub", "mul"):
        return b.binary(op, x, y)
    if op in ("floordiv", "mod") and _nonzero_constant(y):
        return _floor_division(b, op, x, y, unsigned)
    raise Unsupported(f"{op} of {dtype.name}")  # a division by zero is an error of the run, which NumPy's kernel raises


def _nonzero_constant(y: Value) -> bool:
    text = y.ref.removeprefix("splat (").removesuffix(")").split(" ")[-1]
    return not y.ref.startswith("%") and text not in ("0", "-1")


def _floor_division(b: Builder, op: str, x: Value, y: Value, unsigned: bool) -> Value:
    if unsigned:
        return b.binary("udiv" if op == "floordiv" else "urem", x, y)
    rest = b.binary("srem", x, y)
    wrong = b.compare("icmp slt", b.binary("xor", rest, y), b.like(y, 0))
    wrong = b.binary("and", wrong, b.compare("icmp ne", rest, b.like(rest, 0)))
    if op == "mod":
        return b.binary("add", rest, b.select(wrong, y, b.like(y, 0)))
    return b.binary("sub", b.binary("sdiv", x, y), b.convert("zext", wrong, y.kind))


def _binary_float(b: Builder, op: str, x: Value, y: Value, dtype: DType) -> Value:
    if op in _COMPARE_FLOAT:
        return b.compare(f"fcmp {_COMPARE_FLOAT[op]}", x, y)
    if op in _ARITHMETIC_FLOAT:
        return b.binary(_ARITHMETIC_FLOAT[op], x, y)
    if op in ("max", "min"):
        # Of equal operands (0 and -0) it is the second one, as in NumPy; not a number wins.
        condition = "fcmp ogt" if op == "max" else "fcmp olt"
        if not x.ref.startswith("%") and "0x7FF8" not in x.ref:
            return b.select(b.compare(condition, x, y), x, y)
        if not y.ref.startswith("%") and "0x7FF8" not in y.ref:
            return b.select(b.compare(condition.replace(" o", " u"), x, y), x, y)
        larger = b.select(b.compare(condition, x, y), x, y)  # y if either is not a number
        return b.select(b.compare("fcmp uno", x, x), x, larger)
    if op in _FLOAT32_ONLY and x.kind != "float":
        raise Unsupported(f"{op} of {dtype.name}")
    if op == "pow":
        return f.power(b, x, y)
    if op == "atan2":
        return f.atan2(b, x, y)
    raise Unsupported(f"{op} of {dtype.name}")


def cast(b: Builder, x: Value, source: DType, target: DType) -> Value:
    """A conversion, truncating towards zero as C does; numbers out of range give the smallest integer."""
    if target.is_floating:
        made = _to_float(b, x, source, register_kind(target))
        if target in (float16, bfloat16):
            return from_memory(b, to_memory(b, made, target), target)
        return made
    kind = register_kind(target)
    if target.is_bool:
        if source.is_bool:
            return x
        return b.compare("fcmp une" if source.is_floating else "icmp ne", x, b.like(x, 0))
    if source.is_floating:
        return _float_to_integer(b, x, target, kind)
    if BITS[x.kind] == BITS[kind]:
        return x
    if BITS[x.kind] > BITS[kind]:
        return b.convert("trunc", x, kind)
    return b.convert("zext" if source.is_unsigned or source.is_bool else "sext", x, kind)


def _to_float(b: Builder, x: Value, source: DType, kind: str) -> Value:
    if not source.is_floating:
        return b.convert("uitofp" if source.is_unsigned or source.is_bool else "sitofp", x, kind)
    if x.kind == kind:
        return x
    return b.convert("fpext" if kind == "double" else "fptrunc", x, kind)


def _float_to_integer(b: Builder, x: Value, target: DType, kind: str) -> Value:
    bits = BITS[kind]
    wide = kind if bits >= 32 and not target.is_unsigned else "i64"  # NumPy goes by way of a wider integer too
    limit = 2.0 ** (BITS[wide] - 1)
    inside = b.compare("fcmp olt", f.absolute(b, x), b.like(x, limit))
    zero = b.like(x, 0.0)
    made = b.convert("fptosi", b.select(inside, x, zero), wide)
    made = b.select(inside, made, b.like(made, -(2 ** (BITS[wide] - 1))))
    return made if wide == kind else b.convert("trunc", made, kind)


__all__ = ["Unsupported", "binary", "cast", "combine", "constant", "from_memory", "identity", "memory_kind",
           "register_kind", "to_memory", "unary"]  # fmt: skip
