"""Records the signatures of all ops of TensorFlow 1.15 into ``opdefs.json.gz``.

Run it with a Python that has TensorFlow 1.15::

    python record_opdefs.py

The file maps an op's name to ``[inputs, outputs, attributes, stateful]`` in the grammar of
``scopert.graph.signature``.
"""

import gzip
import json
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python import pywrap_tensorflow


def type_name(number):
    return tf.as_dtype(number).name


def argument(arg):
    kind = arg.type_list_attr or arg.type_attr or type_name(arg.type)
    if arg.number_attr:
        kind = f"{arg.number_attr} * {kind}"
    return f"{arg.name}: {'Ref(' + kind + ')' if arg.is_ref else kind}"


def value(attr_value):
    kind = attr_value.WhichOneof("value")
    held = getattr(attr_value, kind)
    if kind == "type":
        return type_name(held)
    if kind == "s":
        return json.dumps(held.decode("latin1"))
    if kind == "b":
        return "true" if held else "false"
    if kind == "shape":
        return "<unknown>" if held.unknown_rank else str([dim.size for dim in held.dim])
    if kind == "list":
        items = []
        for field, values in held.ListFields():
            for item in values:
                if field.name == "type":
                    items.append(type_name(item))
                else:
                    items.append(json.dumps(item.decode()) if field.name == "s" else str(item))
        return "[" + ", ".join(items) + "]"
    return str(held).strip().replace("\n", " ")


def attribute(attr):
    kind = attr.type
    if attr.HasField("allowed_values"):
        allowed = attr.allowed_values.list
        names = [type_name(t) for t in allowed.type] or [json.dumps(s.decode()) for s in allowed.s]
        kind = "{" + ", ".join(names) + "}"
        if attr.type.startswith("list"):
            kind = f"list({kind})"
    text = f"{attr.name}: {kind}"
    if attr.has_minimum:
        text += f" >= {attr.minimum}"
    if attr.HasField("default_value"):
        text += f" = {value(attr.default_value)}"
    return text


def main():
    dir(tf.contrib)  # loads its libraries, and with them their ops
    ops = op_def_pb2.OpList()
    ops.ParseFromString(pywrap_tensorflow.TF_GetBuffer(pywrap_tensorflow.TF_GetAllOpList()))
    facts = {
        op.name: [
            ", ".join(map(argument, op.input_arg)),
            ", ".join(map(argument, op.output_arg)),
            "; ".join(map(attribute, op.attr)),
            op.is_stateful,
        ]
        for op in ops.op
    }
    text = json.dumps(facts, sort_keys=True, indent=0).encode()
    path = Path(__file__).with_name("opdefs.json.gz")
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.write(text)
    print(f"{len(facts)} ops in {path.name}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
