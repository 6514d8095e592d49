"""Printing while a graph runs, and tensors as text."""

from __future__ import annotations

import logging
import os
import pprint
import sys
from itertools import count
from typing import Any

from scopert import nest
from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.dtypes import string
from scopert.graph.opdef import HOST, STATEFUL, VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import no_outputs, same_as_first, scalar
from scopert.graph.tensor import Tensor
from scopert.ops.value_text import ends_summary, summary
from scopert.public import public

_LOGGER = logging.getLogger("scopert")
_LOG_STREAMS = {"log(info)": logging.INFO, "log(warning)": logging.WARNING, "log(error)": logging.ERROR}
_LOG_FUNCTIONS = {"info": "log(info)", "warn": "log(warning)", "warning": "log(warning)", "error": "log(error)"}


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _print(
    xp: Any, value: Any, *data: Any, message: Any, first_n: int, summarize: int, op: Any, context: Any
) -> Any:
    if first_n >= 0:
        times = context.op_state(op, count)
        if next(times) >= first_n:
            return value
    shown = "".join(f"[{summary(item, summarize)}]" for item in data)
    print(_text(message) + shown, file=sys.stderr, flush=True)
    return value


PRINT = define_op(
    "Print", inputs="input: T, data: U", outputs="output: T",
    attrs='T: type; U: list(type) >= 0; message: string = ""; first_n: int = -1; summarize: int = 3',
    shape=same_as_first, kernel=_print, traits=(STATEFUL, HOST, VIEW),
)  # fmt: skip


@gradient("Print")
def _print_grad(op: Operation, grad: Any) -> Any:
    return [grad, *[None] * (len(op.inputs) - 1)]


@public("Print")
def print_data(
    input_: Any, data: Any, message: str | None = None, first_n: int | None = None, summarize: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The value of `input_`; what `data` holds is printed to the standard error stream when it is computed.

    Parameters
    ----------
    input_ : Tensor
    data : list of Tensor
    message : str, optional
        Printed before the data.
    first_n : int, optional
        Print only so many times; always by default.
    summarize : int, optional
        So many elements of each are shown, 3 by default.
    name : str, optional
    """
    made: Tensor = apply(PRINT, input_, data, message=message, first_n=first_n, summarize=summarize, name=name)
    return made


def _format(xp: Any, *inputs: Any, template: Any, placeholder: Any, summarize: int) -> bytes:
    pieces = _text(template).split(_text(placeholder))
    if len(pieces) - 1 != len(inputs):
        raise InvalidArgumentError(
            None, None, f"num placeholders in template and num inputs must match: {len(pieces) - 1} vs. {len(inputs)}"
        )
    parts = [pieces[0]]
    for value, piece in zip(inputs, pieces[1:], strict=True):
        parts += [ends_summary(value, summarize), piece]
    return "".join(parts).encode("utf-8", "surrogateescape")


STRING_FORMAT = define_op(
    "StringFormat", inputs="inputs: T", outputs="output: string",
    attrs='T: list(type) >= 0; template: string = "%s"; placeholder: string = "%s"; summarize: int = 3',
    shape=scalar, kernel=_format, traits=HOST, differentiable=False,
)  # fmt: skip


@public("strings.format")
def string_format(
    template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None
) -> Tensor:
    """A template with tensors in the places of its placeholders.

    Parameters
    ----------
    template : str
    inputs : Tensor or list of Tensor
    placeholder : str
    summarize : int
        So many elements are shown at both ends of each axis, all if it is -1.
    name : str, optional

    Raises
    ------
    ValueError
        If there are more or fewer placeholders than inputs.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.strings.format("x is {}", tf.range(10))))
    b'x is [0 1 2 ... 7 8 9]'
    """
    inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    found = template.count(placeholder)
    if found != len(inputs):
        raise ValueError(
            f"{found} placeholder(s) in template does not match {len(inputs)} tensor(s) provided as input"
        )
    made: Tensor = apply(
        STRING_FORMAT, list(inputs), template=template, placeholder=placeholder, summarize=summarize, name=name
    )
    return made


def _print_text(xp: Any, text: Any, *, output_stream: Any, end: Any) -> tuple[()]:
    stream, line = _text(output_stream), _text(text)
    if stream.startswith("file://"):
        with open(stream[len("file://") :], "a", encoding="utf-8") as file:
            file.write(line + _text(end))
    elif stream in ("stdout", "stderr"):
        file_now = sys.stdout if stream == "stdout" else sys.stderr
        print(line, end=_text(end), file=file_now, flush=True)
    else:
        _LOGGER.log(_LOG_STREAMS[stream], line)
    return ()


PRINT_V2 = define_op(
    "PrintV2", inputs="input: string", attrs='output_stream: string = "stderr"; end: string = "\\n"',
    shape=no_outputs, kernel=_print_text, traits=(STATEFUL, HOST), differentiable=False,
)  # fmt: skip


def _stream_name(stream: Any) -> str:
    if isinstance(stream, str) and stream.startswith("file://"):
        return stream
    if stream is sys.stdout:
        return "stdout"
    if stream is sys.stderr:
        return "stderr"
    for name, level in _LOG_STREAMS.items():
        if stream == level and not isinstance(stream, bool):
            return name
    found = _LOG_FUNCTIONS.get(getattr(stream, "__name__", "")) if callable(stream) else None
    if found is None:
        raise ValueError(
            f"Unsupported output stream, logging level, or file.{stream}. Supported streams are sys.stdout, "
            "sys.stderr, tf.logging.info, tf.logging.warning, tf.logging.error. File needs to be in the form of "
            "'file://<filepath>'."
        )
    return found


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or hasattr(value, "_as_graph_element") or nest.is_composite(value)


def _free_placeholder(text: str) -> str:
    """A placeholder that `text` does not contain."""
    placeholder = "{}"
    while placeholder in text:
        placeholder += str(len(placeholder))
    return placeholder


@public("print")
def print_(
    *inputs: Any, output_stream: Any = None, name: str | None = None, summarize: int = 3, sep: str = " ",
    end: str = os.linesep, **unknown: Any,
) -> Operation:  # fmt: skip
    """An operation that prints its inputs: tensors, values, nested structures of both.

    It only runs if it is fetched, or something depends on it.

    Parameters
    ----------
    *inputs : object
    output_stream : file, callable, int or str
        ``sys.stderr`` (the default) or ``sys.stdout``, ``tf.logging.info``, ``.warning``, ``.error`` or their
        levels, or ``"file://PATH"`` to append to a file.
    name : str, optional
    summarize : int
        So many elements are shown at both ends of each axis, all if it is -1.
    sep, end : str
        As for Python's ``print``.

    Raises
    ------
    ValueError
        If the stream is none of these, or a keyword is unknown.

    Examples
    --------
    >>> import sys
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     session.run(tf.print("x:", tf.range(3), {"b": 2}, output_stream=sys.stdout))
    x: [0 1 2] {'b': 2}
    """
    if unknown:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {unknown}")
    stream = _stream_name(sys.stderr if output_stream is None else output_stream)
    first = inputs[0] if len(inputs) == 1 else None
    if isinstance(first, Tensor) and first._rank == 0 and first.dtype is string:
        line = first
    else:
        line = _formatted(inputs, sep, summarize, f"{name}_format" if name else None)
    made: Operation = apply(PRINT_V2, line, output_stream=stream, name=name, end=end)
    return made


def _formatted(inputs: tuple[Any, ...], sep: str, summarize: int, name: str | None) -> Tensor:
    without = nest.map_structure(lambda x: "" if _is_tensor(x) else x, inputs)
    placeholder = _free_placeholder(" ".join(pprint.pformat(x) for x in without))
    tensors: list[Any] = []

    def stand_in(value: Any) -> Any:
        if nest.is_composite(value) and hasattr(value, "dense_shape"):
            tensors.extend([value.indices, value.values, value.dense_shape])
            return f"SparseTensor(indices={placeholder}, values={placeholder}, shape={placeholder})"
        if _is_tensor(value):
            tensors.append(value)
            return placeholder
        return value

    templates = []
    for item in inputs:
        if isinstance(item, str):
            templates.append(item)
        else:
            parts = [stand_in(part) for part in nest.flatten(item)]
            templates.append(pprint.pformat(nest.pack_sequence_as(item, parts)))
    template = sep.join(templates).replace(f"'{placeholder}'", placeholder)
    return string_format(template, tensors, placeholder, summarize, name)
