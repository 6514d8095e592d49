"""The functions of libcublasLt that are used, by ctypes, and the objects that they make.

Numbers of attributes are those of the library's header ``cublasLt.h`` (CUDA 12 and 13).
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import weakref
from collections.abc import Iterator
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scopert_cupy.cublaslt.spec import ALIGNMENT, REDUCTION_SCHEMES, Layout, Spec
from scopert_cupy.failures import DeviceError

_LAYOUT_BATCH, _LAYOUT_STRIDE = 5, 6
_TRANSPOSE_A, _TRANSPOSE_B, _EPILOGUE, _BIAS_POINTER, _AUX_POINTER, _AUX_LEADING, _BIAS_TYPE = 3, 4, 7, 8, 11, 12, 26
_MAX_WORKSPACE, _REDUCTION_MASK, _ALIGNMENT_A = 1, 3, 5
_OP_T = 1
#: Algorithms of which the fastest is taken.
CANDIDATES = 8
# Where heuristics are asked for, the vectors are not known yet: an address that is aligned as they are for certain.
_SOMEWHERE = (1 << 20) + ALIGNMENT


class Refused(DeviceError):
    """The library has no algorithm for a product, on this card."""


class _Algorithm(ctypes.Structure):
    _fields_ = (("data", c_uint64 * 8),)


class _Result(ctypes.Structure):
    _fields_ = (
        ("algorithm", _Algorithm), ("workspace", c_size_t), ("state", c_int), ("waves", c_float),
        ("reserved", c_int * 4),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How the library computes a product: 64 bytes that only the same version of it understands."""

    data: bytes
    workspace: int


_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "cublasLtCreate": (POINTER(c_void_p),),
    "cublasLtDestroy": (c_void_p,),
    "cublasLtMatmulDescCreate": (POINTER(c_void_p), c_int, c_int),
    "cublasLtMatmulDescDestroy": (c_void_p,),
    "cublasLtMatmulDescSetAttribute": (c_void_p, c_int, c_void_p, c_size_t),
    "cublasLtMatmulDescGetAttribute": (c_void_p, c_int, c_void_p, c_size_t, POINTER(c_size_t)),
    "cublasLtMatrixLayoutCreate": (POINTER(c_void_p), c_int, c_uint64, c_uint64, c_int64),
    "cublasLtMatrixLayoutDestroy": (c_void_p,),
    "cublasLtMatrixLayoutSetAttribute": (c_void_p, c_int, c_void_p, c_size_t),
    "cublasLtMatrixLayoutGetAttribute": (c_void_p, c_int, c_void_p, c_size_t, POINTER(c_size_t)),
    "cublasLtMatmulPreferenceCreate": (POINTER(c_void_p),),
    "cublasLtMatmulPreferenceDestroy": (c_void_p,),
    "cublasLtMatmulPreferenceSetAttribute": (c_void_p, c_int, c_void_p, c_size_t),
    "cublasLtMatmulPreferenceGetAttribute": (c_void_p, c_int, c_void_p, c_size_t, POINTER(c_size_t)),
    "cublasLtMatmulAlgoGetHeuristic": (
        c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_int, POINTER(_Result), POINTER(c_int),
    ),
    "cublasLtMatmulAlgoCheck": (
        c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(_Algorithm), POINTER(_Result),
    ),
    "cublasLtMatmul": (
        c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p,
        c_void_p, POINTER(_Algorithm), c_void_p, c_size_t, c_void_p,
    ),
}  # fmt: skip


class Library:
    """libcublasLt.

    Parameters
    ----------
    path : str
        A file, or a name that the system's loader finds.

    Raises
    ------
    DeviceError
        If it cannot be loaded, or is not what it should be.
    """

    def __init__(self, path: str) -> None:
        try:
            self._library: Any = ctypes.CDLL(path)
            for name, arguments in _SIGNATURES.items():
                function = getattr(self._library, name)
                function.argtypes, function.restype = arguments, c_int
            self._library.cublasLtGetVersion.restype = c_size_t
            self._library.cublasLtGetStatusName.argtypes = (c_int,)
            self._library.cublasLtGetStatusName.restype = c_char_p
        except (OSError, AttributeError) as error:
            raise DeviceError(f"cuBLASLt cannot be loaded from {path}: {error}") from None
        self.path = path
        self.version = int(self._library.cublasLtGetVersion())

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function; DeviceError if it fails."""
        status = getattr(self._library, name)(*arguments)
        if status:
            text = self._library.cublasLtGetStatusName(status).decode()
            raise (Refused if status == 15 else DeviceError)(f"{name}: {text} ({status})")

    def set(self, kind: str, target: c_void_p, attribute: int, value: Any) -> None:
        """Sets an attribute; `value` is a ctypes number."""
        self.call(f"cublasLt{kind}SetAttribute", target, attribute, byref(value), ctypes.sizeof(value))

    def get(self, kind: str, target: c_void_p, attribute: int, of: Any) -> int:
        """An attribute of the ctypes type `of`."""
        value, written = of(), c_size_t()
        self.call(f"cublasLt{kind}GetAttribute", target, attribute, byref(value), ctypes.sizeof(value), byref(written))
        return int(value.value)

    def make(self, owner: Any, kind: str, *arguments: Any) -> c_void_p:
        """An object of the library that lives as long as `owner`."""
        made = c_void_p()
        self.call(f"cublasLt{kind}Create", byref(made), *arguments)
        destroy = getattr(self._library, f"cublasLt{kind}Destroy")
        weakref.finalize(owner, destroy, made).atexit = False
        return made


class _Owner:
    """Holds objects of the library for a while."""


class Descriptors:
    """A `Spec` as objects of the library."""

    def __init__(self, library: Library, spec: Spec) -> None:
        self.library, self.spec = library, spec
        self.product = library.make(self, "MatmulDesc", spec.compute, spec.scale)
        self._set(_EPILOGUE, c_uint32(spec.epilogue))
        for attribute, flip in ((_TRANSPOSE_A, spec.flip_first), (_TRANSPOSE_B, spec.flip_second)):
            if flip:
                self._set(attribute, c_int32(_OP_T))
        if spec.bias:
            self._set(_BIAS_TYPE, c_int32(spec.out.dtype))
        if spec.mask_leading:
            self._set(_AUX_LEADING, c_int64(spec.mask_leading))
        self.vectors(_SOMEWHERE, _SOMEWHERE)
        self.first, self.second, self.out = (self._layout(layout) for layout in (spec.first, spec.second, spec.out))

    def _set(self, attribute: int, value: Any) -> None:
        self.library.set("MatmulDesc", self.product, attribute, value)

    def _layout(self, layout: Layout) -> c_void_p:
        made = self.library.make(
            self, "MatrixLayout", layout.dtype, layout.rows, layout.columns, layout.leading
        )
        if layout.batch > 1:
            self.library.set("MatrixLayout", made, _LAYOUT_BATCH, c_int32(layout.batch))
            self.library.set("MatrixLayout", made, _LAYOUT_STRIDE, c_int64(layout.stride))
        return made

    def vectors(self, bias: int, mask: int) -> None:
        """Says where the bias, or its gradient, and the mask lie."""
        if self.spec.bias:
            self._set(_BIAS_POINTER, c_uint64(bias))
        if self.spec.mask_leading:
            self._set(_AUX_POINTER, c_uint64(mask))


def preference(library: Library, owner: Any, spec: Spec, workspace: int) -> c_void_p:
    """What algorithms may want, and what they can count on."""
    made = library.make(owner, "MatmulPreference")
    library.set("MatmulPreference", made, _MAX_WORKSPACE, c_uint64(workspace))
    library.set("MatmulPreference", made, _REDUCTION_MASK, c_uint32(REDUCTION_SCHEMES))
    for number, layout in enumerate((spec.first, spec.second, spec.out, spec.out)):
        library.set("MatmulPreference", made, _ALIGNMENT_A + number, c_uint32(layout.alignment))
    return made


class Handle:
    """A context of the library on the current device: the part that needs a driver."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._handle = c_void_p()
        library.call("cublasLtCreate", byref(self._handle))
        weakref.finalize(self, library._library.cublasLtDestroy, self._handle).atexit = False

    def algorithms(self, made: Descriptors, workspace: int) -> list[Algorithm]:
        """Ways to compute a product in so much workspace, the most promising first.

        Raises
        ------
        Refused
            If there is none.
        """
        owner = _Owner()
        wanted = preference(self.library, owner, made.spec, workspace)
        results, count = (_Result * CANDIDATES)(), c_int()
        self.library.call(
            "cublasLtMatmulAlgoGetHeuristic", self._handle, made.product, made.first, made.second, made.out, made.out,
            wanted, CANDIDATES, results, byref(count),
        )  # fmt: skip
        found = [
            Algorithm(bytes(result.algorithm), result.workspace)
            for result in results[: count.value]
            if result.state == 0 and result.workspace <= workspace
        ]
        if not found:
            raise Refused("cuBLASLt has no algorithm for such a product")
        return found

    def accepts(self, made: Descriptors, algorithm: Algorithm, workspace: int) -> bool:
        """Whether an algorithm that was written down earlier can be used."""
        if len(algorithm.data) != ctypes.sizeof(_Algorithm):
            return False
        result = _Result()
        try:
            self.library.call(
                "cublasLtMatmulAlgoCheck", self._handle, made.product, made.first, made.second, made.out, made.out,
                byref(_Algorithm.from_buffer_copy(algorithm.data)), byref(result),
            )  # fmt: skip
        except DeviceError:
            return False
        return result.state == 0 and result.workspace <= min(workspace, algorithm.workspace)

    def multiply(
        self, made: Descriptors, algorithm: Algorithm, first: int, second: int, out: int, workspace: int, stream: int
    ) -> None:
        """Puts the product into a stream."""
        number = ctypes.c_double if made.spec.scale else c_float
        one, beta = number(1), number(1 if made.spec.accumulate else 0)
        self.library.call(
            "cublasLtMatmul", self._handle, made.product, byref(one), first, made.first, second, made.second,
            byref(beta), out, made.out, out, made.out, byref(_Algorithm.from_buffer_copy(algorithm.data)),
            workspace, algorithm.workspace, stream,
        )  # fmt: skip


def candidates(major: int) -> Iterator[str]:
    """Where the library of a CUDA version may be: what ``SCOPERT_CUBLASLT`` says, NVIDIA's wheels, the system."""
    asked = os.environ.get("SCOPERT_CUBLASLT")
    if asked:
        yield asked
        return
    name = f"libcublasLt.so.{major}"
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        for place in (f"cu{major}", "cublas"):
            path = Path(folder) / place / "lib" / name
            if path.is_file():
                yield str(path)
    home = os.environ.get("CUDA_PATH")
    if home and (Path(home) / "lib64" / name).is_file():
        yield str(Path(home) / "lib64" / name)
    yield name


def load(major: int) -> Library:
    """The library for programs of a CUDA version.

    Raises
    ------
    DeviceError
        If there is none; the text says how to get it.
    """
    reasons = []
    for path in candidates(major):
        try:
            return Library(path)
        except DeviceError as error:
            reasons.append(str(error))
    raise DeviceError(
        f"{'; '.join(reasons)}. It comes with CUDA, or with `pip install nvidia-cublas{'-cu12' if major == 12 else ''}`"
    )


__all__ = ["CANDIDATES", "Algorithm", "Descriptors", "Handle", "Library", "Refused", "candidates", "load", "preference"]
