"""Connectionist temporal classification: the loss op with its gradient, and the two decoders."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.opdef import HOST, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import merge
from scopert.graph.shape_rules import with_rank
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import ctc_kernels as kernels
from scopert.ops.array_concat import concat
from scopert.ops.array_identity import prevent_gradient
from scopert.ops.array_mask import sequence_mask
from scopert.ops.array_scatter import gather_nd
from scopert.ops.array_transpose import transpose
from scopert.ops.array_where import where
from scopert.ops.math_cast import cast
from scopert.ops.nn_arguments import one_of
from scopert.ops.nn_cross_entropy import scale_rows
from scopert.ops.softmax_kernels import log_softmax
from scopert.public import public

Array = Any

TYPE = "T: {float32, float64} = float32"


def _loss_shape(op: Operation) -> list[Shape]:
    inputs = with_rank(op.inputs[0]._shape, 3)
    batch = merge((inputs[1],), with_rank(op.inputs[3]._shape, 1))
    assert batch is not None
    return [batch, (inputs[0], *batch, inputs[2])]


def _check_lengths(lengths: Array, steps: int, batch: int) -> None:
    if len(lengths) != batch:
        raise InvalidArgumentError(
            None, None, f"len(sequence_length) != batch_size.  len(sequence_length): {len(lengths)} batch_size: {batch}"
        )
    for example, length in enumerate(lengths.tolist()):
        if not 0 <= length <= steps:
            raise InvalidArgumentError(None, None, f"sequence_length({example}) <= {steps}, got {length}")


def _before_null(row: list[int], null: int, example: int) -> list[int]:
    """The labels up to the first that stands for none; nothing may follow it."""
    if not row:
        raise InvalidArgumentError(None, None, f"Labels length is zero in batch {example}")
    end = next((place for place, label in enumerate(row) if label >= null), len(row))
    if any(label < null for label in row[end:]):
        raise InvalidArgumentError(
            None,
            None,
            f"Saw a non-null label (index >= num_classes - 1) following a null label, batch: {example} num_classes: "
            f"{null + 1} labels: {','.join(map(str, row))}",
        )
    return row[:end]


def _ctc_loss(
    xp: Any, inputs: Array, indices: Array, values: Array, lengths: Array, *,
    preprocess_collapse_repeated: bool, ctc_merge_repeated: bool, ignore_longer_outputs_than_inputs: bool,
) -> tuple[Array, Array]:  # fmt: skip
    steps, batch, classes = inputs.shape
    if batch == 0:
        raise InvalidArgumentError(None, None, "batch_size must not be 0")
    _check_lengths(lengths, steps, batch)
    rows = [
        _before_null(row, classes - 1, example)
        for example, row in enumerate(kernels.ctc_labels(indices, values, batch))
    ]
    labels = [kernels.without_repeats(row) if preprocess_collapse_repeated else row for row in rows]
    skipped = [example for example, row in enumerate(labels) if len(row) > lengths[example]]
    if skipped and not ignore_longer_outputs_than_inputs:
        example = skipped[0]
        raise InvalidArgumentError(
            None,
            None,
            f"Not enough time for target transition sequence (required: {len(labels[example])}, available: "
            f"{lengths[example]}){example}You can turn this error into a warning by using the flag "
            "ignore_longer_outputs_than_inputs",
        )
    loss, grad = kernels.ctc_loss(xp, inputs, labels, lengths, ctc_merge_repeated)
    for example in skipped:
        loss[example] = 0
        grad[:, example] = 0
    return loss, grad


def _sparse(rows: list[list[int]]) -> tuple[Array, Array, Array]:
    """Rows as the three parts of a sparse matrix."""
    width = max(map(len, rows), default=0)
    indices = np.array([(k, j) for k, row in enumerate(rows) for j in range(len(row))], np.int64).reshape(-1, 2)
    values = np.array([label for row in rows for label in row], np.int64)
    return indices, values, np.array([len(rows), width], np.int64)


def _decoder_shape(op: Operation) -> list[Shape]:
    inputs = with_rank(op.inputs[0]._shape, 3)
    batch = merge((inputs[1],), with_rank(op.inputs[1]._shape, 1))
    assert batch is not None
    paths = op.attrs.get("top_paths", 1)
    return [(None, 2)] * paths + [(None,)] * paths + [(2,)] * paths + [(*batch, paths)]


def _greedy(xp: Any, inputs: Array, lengths: Array, *, merge_repeated: bool) -> tuple[Array, ...]:
    _check_lengths(lengths, *inputs.shape[:2])
    rows, scores = kernels.greedy_decode(inputs, lengths, merge_repeated)
    return *_sparse(rows), scores


def _beam(
    xp: Any, inputs: Array, lengths: Array, *, beam_width: int, top_paths: int, merge_repeated: bool
) -> tuple[Array, ...]:
    _check_lengths(lengths, *inputs.shape[:2])
    if top_paths > beam_width:
        raise InvalidArgumentError(None, None, f"requested more paths than the beam width: {top_paths} > {beam_width}")
    log_probs = log_softmax(np, inputs).astype(np.float64)
    batch = inputs.shape[1]
    rows: list[list[list[int]]] = [[] for _ in range(top_paths)]
    scores = np.zeros((batch, top_paths), inputs.dtype)
    for example in range(batch):
        found = kernels.beam_search(log_probs[: lengths[example], example], beam_width, top_paths, merge_repeated)
        if len(found) < top_paths:
            raise InvalidArgumentError(
                None, None, f"Less than top_paths ({top_paths}) candidates in the beam, got {len(found)}"
            )
        for path, (labels, score) in enumerate(found):
            rows[path].append(labels)
            scores[example, path] = score
    parts = [_sparse(path) for path in rows]
    return *(p[0] for p in parts), *(p[1] for p in parts), *(p[2] for p in parts), scores


CTC_LOSS = define_op(
    "CTCLoss", "inputs: T, labels_indices: int64, labels_values: int32, sequence_length: int32",
    "loss: T, gradient: T",
    "preprocess_collapse_repeated: bool = false; ctc_merge_repeated: bool = true; "
    "ignore_longer_outputs_than_inputs: bool = false; " + TYPE,
    shape=_loss_shape, kernel=_ctc_loss, traits=HOST,
)  # fmt: skip
CTC_GREEDY = define_op(
    "CTCGreedyDecoder", "inputs: T, sequence_length: int32",
    "decoded_indices: int64, decoded_values: int64, decoded_shape: int64, log_probability: T",
    "merge_repeated: bool = false; " + TYPE,
    shape=_decoder_shape, kernel=_greedy, traits=HOST, differentiable=False,
)  # fmt: skip
CTC_BEAM = define_op(
    "CTCBeamSearchDecoder", "inputs: T, sequence_length: int32",
    "decoded_indices: top_paths * int64, decoded_values: top_paths * int64, decoded_shape: top_paths * int64, "
    "log_probability: T",
    "beam_width: int >= 1; top_paths: int >= 1; merge_repeated: bool = true; " + TYPE,
    shape=_decoder_shape, kernel=_beam, traits=HOST, differentiable=False,
)  # fmt: skip


@gradient("CTCLoss")
def _rule(op: Operation, grad_loss: Tensor, _: Any) -> Any:
    slope = prevent_gradient(
        op.outputs[1],
        message="Currently there is no way to take the second  derivative of ctc_loss due to the fused "
        "implementation's interaction  with tf.gradients()",
    )
    return [scale_rows(grad_loss, slope), None, None, None]


@public("nn.ctc_loss")
def ctc_loss(
    labels: Any,
    inputs: Any = None,
    sequence_length: Any = None,
    preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True,
    ignore_longer_outputs_than_inputs: bool = False,
    time_major: bool = True,
    logits: Any = None,
) -> Tensor:
    """Negative log probability of label sequences under per-step class scores; the last class is the blank.

    Graves et al., "Connectionist Temporal Classification", 2006.

    Parameters
    ----------
    labels : SparseTensor of int32
        ``(batch, position)``.
    inputs, logits : tensor-like of floats
        ``(time, batch, classes)``, or batch first without `time_major`.
    sequence_length : tensor-like of int32
        ``(batch,)``.

    Returns
    -------
    Tensor
        ``(batch,)``.

    Raises
    ------
    TypeError
        If `labels` is not a SparseTensor.
    """
    if not isinstance(labels, SparseTensor):
        raise TypeError("Expected labels (first argument) to be a SparseTensor")
    scores = one_of("logits", logits, "inputs", inputs)
    if not time_major:
        scores = transpose(scores, [1, 0, 2])
    loss, _ = apply(
        CTC_LOSS, scores, labels.indices, labels.values, sequence_length,
        preprocess_collapse_repeated=preprocess_collapse_repeated,
        ctc_merge_repeated=ctc_merge_repeated,
        ignore_longer_outputs_than_inputs=ignore_longer_outputs_than_inputs,
    )  # fmt: skip
    return loss


def _blank_last(logits: Tensor, blank: int, values: Tensor) -> tuple[Tensor, Tensor]:
    """Scores with the blank moved to the end, and labels that count without it."""
    parts = [logits[:, :, :blank], logits[:, :, blank + 1 :], logits[:, :, blank : blank + 1]]
    return concat(parts, axis=2), where(values < blank, values, values - 1)


@public("nn.ctc_loss_v2")
def ctc_loss_v2(
    labels: Any,
    logits: Any,
    label_length: Any,
    logit_length: Any,
    logits_time_major: bool = True,
    unique: Any = None,
    blank_index: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`ctc_loss` for dense or sparse labels and any class as the blank.

    Parameters
    ----------
    labels : SparseTensor, or tensor-like of int
        ``(batch, position)``.
    logits : tensor-like of floats
        ``(time, batch, classes)``, or batch first without `logits_time_major`; the number of classes is known.
    label_length : tensor-like of int, optional
        How many of the dense labels of each example count: at least one. Not used for sparse labels.
    logit_length : tensor-like of int
    unique : object
        Not used: it spares TensorFlow a step that is not done here.
    blank_index : int, optional
        0 by default for dense labels, and to be given for sparse ones; negative numbers count from the end.

    Raises
    ------
    ValueError
        If `blank_index` is missing or outside of the classes.
    """
    with name_scope(name, "ctc_loss", [logits, logit_length]):
        logits = convert_to_tensor(logits, name="logits")
        classes = None if logits._shape is None else logits._shape[2]
        if classes is None:
            raise ValueError(f"ctc_loss needs to know the number of classes: {logits!r}")
        if isinstance(labels, SparseTensor):
            if blank_index is None:
                raise ValueError("blank_index must be given when using SparseTensor labels.")
            indices, values = labels.indices, labels.values
        else:
            blank_index = 0 if blank_index is None else blank_index
            labels = convert_to_tensor(labels, name="labels")
            width = labels._shape[1] if labels._shape is not None else None
            indices = where(sequence_mask(label_length, maxlen=width))
            values = cast(gather_nd(labels, indices), int32)
        blank = blank_index + classes if blank_index < 0 else blank_index
        if not 0 <= blank < classes:
            raise ValueError(f"blank_index {blank_index} is outside of the {classes} classes.")
        if blank != classes - 1:
            logits, values = _blank_last(logits, blank, values)
        if not logits_time_major:
            logits = transpose(logits, [1, 0, 2])
        loss, _ = apply(CTC_LOSS, logits, indices, values, cast(logit_length, int32))
        return loss


@public("nn.ctc_greedy_decoder")
def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True
) -> tuple[list[SparseTensor], Tensor]:
    """The best class of every step, repeats merged (`merge_repeated`) and blanks dropped.

    Returns
    -------
    decoded : list of one SparseTensor
        ``(batch, position)`` of int64.
    neg_sum_logits : Tensor
        ``(batch, 1)``: minus the sum of the best scores.
    """
    indices, values, sizes, score = apply(CTC_GREEDY, inputs, sequence_length, merge_repeated=merge_repeated)
    return [SparseTensor(indices, values, sizes)], score


def _decode(
    inputs: Any, sequence_length: Any, beam_width: int, top_paths: int, merge_repeated: bool
) -> tuple[list[SparseTensor], Tensor]:
    found = apply(
        CTC_BEAM, inputs, sequence_length, beam_width=beam_width, top_paths=top_paths, merge_repeated=merge_repeated
    )
    n = top_paths
    parts = zip(found[:n], found[n : 2 * n], found[2 * n : 3 * n], strict=True)
    return [SparseTensor(*part) for part in parts], found[-1]


@public("nn.ctc_beam_search_decoder")
def ctc_beam_search_decoder(
    inputs: Any,
    sequence_length: Any,
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
) -> tuple[list[SparseTensor], Tensor]:
    """The most probable label sequences of a beam search.

    Parameters
    ----------
    inputs : tensor-like of floats
        ``(time, batch, classes)``; the last class is the blank.
    sequence_length : tensor-like of int32
    beam_width, top_paths : int
        Prefixes that are kept at each step; sequences that are returned.
    merge_repeated : bool
        Merge equal neighbours of the *result* as well.

    Returns
    -------
    decoded : list of SparseTensor
        One ``(batch, position)`` matrix per path.
    log_probability : Tensor
        ``(batch, top_paths)``.
    """
    return _decode(inputs, sequence_length, beam_width, top_paths, merge_repeated)


@public("nn.ctc_beam_search_decoder_v2")
def ctc_beam_search_decoder_v2(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[SparseTensor], Tensor]:
    """`ctc_beam_search_decoder` that leaves equal neighbours in the result."""
    return _decode(inputs, sequence_length, beam_width, top_paths, False)
