"""Making an operation from an OpDef and Python values: what TensorFlow calls ``apply_op``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.graph.convert import to_tensor, to_tensors
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.graph import Graph, graph_of
from scopert.graph.literals import as_array
from scopert.graph.opdef import STATEFUL, OpDef
from scopert.graph.shape import as_tuple
from scopert.graph.signature import Arg, Attr
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor


def apply(opdef: OpDef, *inputs: Any, name: str | None = None, **attrs: Any) -> Any:
    """Makes one operation.

    Values among the inputs become constants, called after the input and made below the operation's
    own name. Types and counts that follow from the inputs need not be given.

    Parameters
    ----------
    opdef : OpDef
    *inputs : tensor-like
        One for each input of the signature; an input with several tensors is one list.
    name : str, optional
        Default: the op's type.
    **attrs
        Attribute values; those with a default may be left out or be None.

    Returns
    -------
    Operation, Tensor or list of Tensor
        The operation if the op has no outputs; its tensor if it has exactly one; else all of them.

    Raises
    ------
    TypeError
        If types do not match, or an attribute is of the wrong kind.
    ValueError
        If shapes do not match, or an attribute has a value that is not allowed.
    """
    if opdef.plain and name != "":
        graph = _common_graph(inputs)
        if graph is not None:
            found = _complete_plain(opdef, inputs, attrs)
            if found is not None:
                if name is None:
                    name = opdef.name
                elif isinstance(name, str):
                    graph._check_scope_name(name)
                return _result(opdef, graph._add(opdef, list(inputs), found[0], found[1], name))
    return _apply_slowly(opdef, inputs, name, attrs)


def _default(opdef: OpDef, name: str | None) -> str:
    return opdef.name if name is None else name


def _result(opdef: OpDef, op: Any) -> Any:
    outputs = opdef.outputs
    # A stateful op without results is there for its effect, whatever its signature allows.
    if not outputs or (not op.outputs and STATEFUL in opdef.traits):
        return op
    if len(outputs) == 1 and not outputs[0].is_list:
        return op.outputs[0]
    return list(op.outputs)


def _common_graph(inputs: Sequence[Any]) -> Graph | None:
    """The graph of the inputs if all are tensors of one graph."""
    graph = None
    for tensor in inputs:
        if type(tensor) is not Tensor:
            return None
        found = tensor._op._graph
        if graph is None:
            graph = found
        elif graph is not found:
            return None
    return get_default_graph() if graph is None else graph


def _complete_plain(
    opdef: OpDef, inputs: Sequence[Tensor], given: dict[str, Any]
) -> tuple[dict[str, Any], list[DType]] | None:
    """All attributes and the output types; None where the inputs do not fit as they are."""
    key = None
    if not given:
        key = tuple([tensor._dtype.base for tensor in inputs])
        known = opdef.completed.get(key)
        if known is not None:
            return known
    full = _infer_plain(opdef, inputs, given)
    if full is None:
        return None
    full = complete_attrs(opdef, None, full)
    found = full, output_dtypes(opdef, full)
    if key is not None:
        opdef.completed[key] = found
    return found


def _infer_plain(opdef: OpDef, inputs: Sequence[Tensor], given: dict[str, Any]) -> dict[str, Any] | None:
    """The given attributes and the types of the inputs; None where they do not fit."""
    if len(inputs) != len(opdef.inputs):
        return None
    full = given
    for arg, tensor in zip(opdef.inputs, inputs, strict=True):
        base = tensor._dtype.base
        key = arg.type_attr
        if key is None:
            if base is not arg.dtype:
                return None
        else:
            known = full.get(key)
            if known is None:
                allowed = opdef.attr_by_name[key].allowed
                if allowed is not None and base not in allowed:
                    return None
                full[key] = base
            elif known is not base:
                return None
    return full


def _apply_slowly(opdef: OpDef, inputs: Sequence[Any], name: str | None, attrs: dict[str, Any]) -> Any:
    if len(inputs) != len(opdef.inputs):
        raise TypeError(
            f"{opdef.name} takes {len(opdef.inputs)} inputs ({', '.join(a.name for a in opdef.inputs)}), "
            f"got {len(inputs)}"
        )
    graph = graph_of(_flatten(inputs))
    known = {key: _attr_value(opdef, opdef.attr_by_name[key], value) if key in opdef.attr_by_name else value
             for key, value in attrs.items() if value is not None}  # fmt: skip
    with graph.as_default(), graph.name_scope(_default(opdef, name)) as scope:
        flat: list[Tensor] = []
        for number, (arg, value) in enumerate(zip(opdef.inputs, inputs, strict=True)):
            if arg.is_list:
                flat += _convert_list(opdef, arg, value, known)
            else:
                flat.append(_convert_one(opdef, arg, value, known, number))
        full = complete_attrs(opdef, None, known)
        chosen = scope if name != "" else ""
        if opdef.has_refs:
            op = _add_where_refs_are(graph, opdef, flat, full, chosen)
        else:
            op = graph._add(opdef, flat, full, output_dtypes(opdef, full), chosen)
    return _result(opdef, op)


def _add_where_refs_are(graph: Graph, opdef: OpDef, inputs: list[Tensor], attrs: dict[str, Any], name: str) -> Any:
    """An op that changes variables is placed with them."""
    local = graph._local
    colocation, devices = local.colocation, local.devices
    local.colocation = [*colocation, *(tensor._op for tensor in inputs if tensor._dtype.is_ref)]
    local.devices = []
    try:
        return graph._add(opdef, inputs, attrs, output_dtypes(opdef, attrs), name)
    finally:
        local.colocation, local.devices = colocation, devices


def _flatten(inputs: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for item in inputs:
        if isinstance(item, (list, tuple)):
            found += _flatten(item)
        elif isinstance(item, Tensor) or hasattr(item, "_as_graph_element"):
            found.append(item)
    return found


def _convert_one(opdef: OpDef, arg: Arg, value: Any, known: dict[str, Any], number: int) -> Tensor:
    key = arg.type_attr
    dtype: DType | None = arg.dtype if key is None else known.get(key)
    preferred = None
    if dtype is None and key is not None and opdef.attr_by_name[key].has_default:
        preferred = opdef.attr_by_name[key].default
    try:
        tensor = to_tensor(value, dtype, arg.name, preferred, arg.is_ref)
    except TypeError as error:
        if dtype is None:
            raise
        raise TypeError(
            f"Expected {dtype.name} passed to parameter '{arg.name}' of op '{opdef.name}', got {value!r} of type "
            f"'{type(value).__name__}' instead. Error: {error}"
        ) from None
    except ValueError:
        found = getattr(value, "dtype", None)
        if dtype is None or not isinstance(found, DType):
            raise
        prefix = f"Input '{arg.name}' of '{opdef.name}' Op has type {found.base.name} that does not match"
        if key is None:
            raise TypeError(f"{prefix} expected type of {dtype.name}.") from None
        raise TypeError(f"{prefix} type {dtype.name} of argument '{_first_with(opdef, key)}'.") from None
    if arg.is_ref and not tensor._dtype.is_ref:
        raise TypeError(
            f"'{opdef.name}' Op requires that input '{arg.name}' be a mutable tensor (e.g.: a tf.Variable)"
        )
    if key is not None:
        _set_type(opdef, key, tensor._dtype.base, known, arg)
    return tensor


def _first_with(opdef: OpDef, key: str) -> str:
    for arg in opdef.inputs:
        if key in (arg.type_attr, arg.type_list_attr):
            return arg.name
    return key


def _set_type(opdef: OpDef, key: str, dtype: DType, known: dict[str, Any], arg: Arg) -> None:
    if key in known:
        return
    allowed = opdef.attr_by_name[key].allowed
    if allowed is not None and dtype not in allowed:
        raise TypeError(
            f"Value passed to parameter '{arg.name}' has DataType {dtype.name} not in list of allowed values: "
            f"{', '.join(kind.name for kind in allowed)}"
        )
    known[key] = dtype


def _convert_list(opdef: OpDef, arg: Arg, value: Any, known: dict[str, Any]) -> list[Tensor]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"Expected list for '{arg.name}' argument to '{opdef.name}' Op, not {value}.")
    if arg.type_list_attr is not None:
        kinds = known.get(arg.type_list_attr)
        if kinds is not None and len(kinds) != len(value):
            raise ValueError(
                f"List argument '{arg.name}' to '{opdef.name}' Op with length {len(value)} must match the {len(kinds)} "
                f"types of '{arg.type_list_attr}'."
            )
        tensors = [
            to_tensor(item, None if kinds is None else as_dtype(kinds[i]), f"{arg.name}_{i}", None, arg.is_ref)
            for i, item in enumerate(value)
        ]
        known.setdefault(arg.type_list_attr, [tensor._dtype.base for tensor in tensors])
        return tensors
    key = arg.type_attr
    dtype: DType | None = arg.dtype if key is None else known.get(key)
    if dtype is None:
        dtype = next((item._dtype.base for item in value if isinstance(item, Tensor)), None)
    try:
        tensors = to_tensors(value, dtype, arg.name, None, arg.is_ref)
        if tensors and len({tensor._dtype.base for tensor in tensors}) > 1:
            raise TypeError("types differ")
    except (TypeError, ValueError) as error:
        kinds_text = ", ".join(_kind_text(item) for item in value)
        raise TypeError(
            f"Tensors in list passed to '{arg.name}' of '{opdef.name}' Op have types [{kinds_text}] that don't all "
            f"match{'.' if dtype is None else f' type {dtype.name}.'} ({error})"
        ) from error
    count = arg.number_attr
    assert count is not None
    minimum = opdef.attr_by_name[count].minimum
    if count in known and known[count] != len(tensors):
        raise ValueError(
            f"List argument '{arg.name}' to '{opdef.name}' Op with length {len(tensors)} must match length "
            f"{known[count]} of argument '{_first_counted(opdef, count)}'."
        )
    if minimum is not None and len(tensors) < minimum:
        raise ValueError(
            f"List argument '{arg.name}' to '{opdef.name}' Op with length {len(tensors)} shorter than minimum length "
            f"{minimum}."
        )
    known[count] = len(tensors)
    if key is not None and tensors:
        _set_type(opdef, key, tensors[0]._dtype.base, known, arg)
    return tensors


def _kind_text(item: Any) -> str:
    dtype = getattr(item, "dtype", None)
    return dtype.name if isinstance(dtype, DType) else "<NOT CONVERTIBLE TO TENSOR>" if dtype is None else str(dtype)


def _first_counted(opdef: OpDef, count: str) -> str:
    return next((arg.name for arg in opdef.inputs if arg.number_attr == count), count)


def complete_attrs(opdef: OpDef, inputs: list[Tensor] | None, known: dict[str, Any]) -> dict[str, Any]:
    """All attributes: the known ones checked, those of the inputs inferred, defaults filled in.

    With `inputs` (flat) given, type and count attributes are inferred from them.
    """
    if inputs is not None:
        _infer_from_flat(opdef, inputs, known)
    for attr in opdef.attrs:
        value = known.get(attr.name)
        if value is not None:
            if attr.name not in opdef.inferred:
                known[attr.name] = _attr_value(opdef, attr, value)
        elif attr.has_default:
            known[attr.name] = attr.default
        elif attr.kind == "shape":
            known[attr.name] = None
        elif attr.name not in known:
            raise TypeError(f"No argument for attr '{attr.name}' of op '{opdef.name}'")
        else:
            raise TypeError(f"Expected {attr.kind} for argument '{attr.name}' not None.")
    return known


def _infer_from_flat(opdef: OpDef, inputs: list[Tensor], known: dict[str, Any]) -> None:
    position = 0
    lists = [arg for arg in opdef.inputs if arg.is_list]
    spare = len(inputs) - (len(opdef.inputs) - len(lists))
    for arg in opdef.inputs:
        if arg.type_list_attr is not None:
            kinds = known.get(arg.type_list_attr)
            count = spare if kinds is None else len(kinds)
            known[arg.type_list_attr] = [t._dtype.base for t in inputs[position : position + count]]
        else:
            count = 1
            if arg.number_attr is not None:
                count = known.setdefault(arg.number_attr, spare // len(lists))
            if arg.type_attr is not None and count:
                known.setdefault(arg.type_attr, inputs[position]._dtype.base)
        position += count
    if position != len(inputs):
        raise ValueError(f"op '{opdef.name}' got {len(inputs)} inputs, its signature takes {position}")


_PYTHON_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int, np.integer),
    "float": (float, int, np.floating, np.integer),
    "bool": (bool, np.bool_),
    "string": (str, bytes),
}


def _attr_value(opdef: OpDef, attr: Attr, value: Any) -> Any:
    """An attribute's value in its one form; what is not of its kind is refused."""
    kind = attr.kind
    if kind.startswith("list("):
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"Expected list for attr {attr.name}")
        items = [_scalar_attr(attr, kind[5:-1], item) for item in value]
        for item in items:
            _check_allowed(opdef, attr, item)
        if attr.minimum is not None and len(items) < attr.minimum:
            raise ValueError(
                f"Attr '{attr.name}' of '{opdef.name}' Op passed list of length {len(items)} less than minimum "
                f"{attr.minimum}."
            )
        return items
    made = _scalar_attr(attr, kind, value)
    _check_allowed(opdef, attr, made)
    if attr.minimum is not None and made < attr.minimum:
        raise ValueError(
            f"Attr '{attr.name}' of '{opdef.name}' Op passed {made} less than minimum {attr.minimum}."
        )
    return made


def _scalar_attr(attr: Attr, kind: str, value: Any) -> Any:
    if kind == "type":
        return as_dtype(value).base
    if kind == "shape":
        return as_tuple(value)
    if kind == "tensor":
        return value if isinstance(value, np.ndarray) else as_array(value)[0]
    if kind == "func":
        return value
    if kind == "int" and hasattr(value, "value") and not isinstance(value, int):  # Dimension
        value = value.value
    expected = _PYTHON_KINDS[kind]
    if not isinstance(value, expected) or (kind in ("int", "float") and isinstance(value, bool)):
        raise TypeError(f"Expected {kind} for argument '{attr.name}' not {value!r}.")
    if kind == "string":
        return value.decode() if isinstance(value, bytes) and attr.allowed is not None else value
    return {"int": int, "float": float, "bool": bool}[kind](value)


def _check_allowed(opdef: OpDef, attr: Attr, value: Any) -> None:
    if attr.allowed is None or value in attr.allowed:
        return
    if isinstance(value, DType):
        raise TypeError(
            f"Value passed to parameter '{attr.name}' has DataType {value.name} not in list of allowed values: "
            f"{', '.join(kind.name for kind in attr.allowed)}"
        )
    choices = '", "'.join(str(item) for item in attr.allowed)
    raise ValueError(f"Attr '{attr.name}' of '{opdef.name}' Op passed string '{value}' not in: \"{choices}\".")


def output_dtypes(opdef: OpDef, attrs: dict[str, Any]) -> list[DType]:
    """The types of all outputs, given complete attributes."""
    found: list[DType] = []
    for arg in opdef.outputs:
        if arg.type_list_attr is not None:
            found += attrs[arg.type_list_attr]
            continue
        dtype = arg.dtype if arg.type_attr is None else attrs[arg.type_attr]
        assert isinstance(dtype, DType)
        if arg.is_ref:
            dtype = dtype._as_ref
        if arg.number_attr is not None:
            found += [dtype] * attrs[arg.number_attr]
        else:
            found.append(dtype)
    return found
