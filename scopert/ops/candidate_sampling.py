"""Drawing candidate classes, for losses that look at some classes only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import HOST, RANDOM, STATEFUL, OpDef, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.philox import Philox
from scopert.ops.random_candidates import (
    WORDS_PER_CANDIDATE,
    FixedUnigramSampler,
    LearnedUnigramSampler,
    LogUniformSampler,
    Sampler,
    UniformSampler,
    sample_batch,
)
from scopert.ops.random_seed import get_seed
from scopert.ops.random_stream import SEED_ATTRS, advance, start
from scopert.public import public

Array = Any
Candidates = tuple[Tensor, Tensor, Tensor]

_INPUTS = "true_classes: int64"
_OUTPUTS = "sampled_candidates: int64, true_expected_count: float32, sampled_expected_count: float32"
_COUNTS = "num_true: int >= 1; num_sampled: int >= 1; unique: bool"
_FIXED = (
    'vocab_file: string = ""; distortion: float = 1.0; num_reserved_ids: int = 0; num_shards: int >= 1 = 1; '
    "shard: int >= 0 = 0; unigrams: list(float) = []"
)
_NOTHING = float(np.finfo(np.float32).min)


class _State(NamedTuple):
    stream: Philox
    sampler: Sampler


def _check_true_classes(true_classes: Array, columns: int, limit: int | None) -> None:
    if true_classes.ndim != 2:
        raise InvalidArgumentError(None, None, "true_classes must be a matrix")
    if true_classes.shape[1] != columns:
        message = f"true_classes must have num_true columns, expected: {true_classes.shape[1]} was: {columns}"
        raise InvalidArgumentError(None, None, message)
    if limit is None:
        return
    outside = true_classes[(true_classes < 0) | (true_classes >= limit)]
    if outside.size:
        message = f"`true_candidate` out of range [0, {limit}), received {int(outside[0])}"
        raise InvalidArgumentError(None, None, message)


def _kernel(make: Callable[[dict[str, Any]], Sampler]) -> Callable[..., Any]:
    def kernel(
        xp: Any, true_classes: Array, *, num_true: int, num_sampled: int, unique: bool, op: Any, context: Any
    ) -> tuple[Array, Array, Array]:
        state = context.op_state(op, lambda: _State(start(op), make(op.attrs)))
        sampler = state.sampler
        # The samplers that look a class up in a table cannot say how likely one outside it is.
        by_table = isinstance(sampler, (LearnedUnigramSampler, FixedUnigramSampler))
        _check_true_classes(true_classes, num_true, sampler.size if by_table else None)
        if unique and num_sampled > sampler.size:
            raise InvalidArgumentError(None, None, "Sampler's range is too small.")
        position = advance(state.stream, WORDS_PER_CANDIDATE * num_sampled // 4)
        drawn = sample_batch(sampler, position, num_sampled, unique, true_classes)
        if isinstance(sampler, LearnedUnigramSampler):
            sampler.update(true_classes)
        return drawn

    return kernel


def _all_kernel(xp: Any, true_classes: Array, *, num_true: int, num_sampled: int) -> tuple[Array, Array, Array]:
    _check_true_classes(true_classes, num_true, None)
    ones = np.ones(num_sampled, dtype=np.float32)
    return np.arange(num_sampled, dtype=np.int64), np.ones(true_classes.shape, dtype=np.float32), ones


def _hits_kernel(
    xp: Any, true_classes: Array, sampled_candidates: Array, *, num_true: int
) -> tuple[Array, Array, Array]:
    if true_classes.ndim != 2 or true_classes.shape[1] != num_true:
        raise InvalidArgumentError(None, None, "true_candidates must be a batch_size * num_true matrix")
    if sampled_candidates.ndim != 1:
        message = "sampled_candidates must be a vector, which is typically an output from CandidateSampler"
        raise InvalidArgumentError(None, None, message)
    places = {candidate: place for place, candidate in enumerate(sampled_candidates.tolist())}
    hits = [
        (row, places[candidate])
        for row, classes in enumerate(true_classes.tolist())
        for candidate in classes
        if candidate in places
    ]
    rows = np.array([row for row, _ in hits], dtype=np.int32)
    ids = np.array([place for _, place in hits], dtype=np.int64)
    return rows, ids, np.full(len(hits), _NOTHING, dtype=np.float32)


def _fixed_sampler(attrs: dict[str, Any]) -> Sampler:
    path, weights = attrs["vocab_file"], list(attrs["unigrams"])
    path = path.decode() if isinstance(path, bytes) else path
    if bool(path) == bool(weights):
        which = "Must only provide one of vocab_file and unigrams." if path else ""
        raise InvalidArgumentError(None, None, which or "Must provide either vocab_file or unigrams.")
    if path:
        weights = _weights_of_file(path)
    reserved, shards, shard = attrs["num_reserved_ids"], attrs["num_shards"], attrs["shard"]
    sampler = FixedUnigramSampler(weights, attrs["distortion"], reserved, shards, shard)
    if sampler.size != attrs["range_max"]:
        message = f"range is {attrs['range_max']} must be equal to weights size {sampler.size}"
        raise InvalidArgumentError(None, None, message)
    return sampler


def _weights_of_file(path: str) -> list[float]:
    """The last field of each line of a file of comma-separated values."""
    weights = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            try:
                weights.append(float(line.rsplit(",", 1)[-1]))
            except ValueError:
                raise InvalidArgumentError(None, None, f"Wrong vocabulary format at line: {line.rstrip()}") from None
    return weights


def _shape(op: Operation) -> list[Shape]:
    rows, _ = with_rank(op._inputs[0]._shape, 2)
    return [(op.attrs["num_sampled"],), (rows, op.attrs["num_true"]), (op.attrs["num_sampled"],)]


def _sampler_op(name: str, extra: str, kernel: Callable[..., Any]) -> OpDef:
    return define_op(
        name, inputs=_INPUTS, outputs=_OUTPUTS, attrs=f"{_COUNTS}; {extra}{SEED_ATTRS}",
        shape=_shape, kernel=kernel, traits=(STATEFUL, RANDOM, HOST),
    )  # fmt: skip


_RANGE = "range_max: int >= 1; "
UNIFORM = _sampler_op("UniformCandidateSampler", _RANGE, _kernel(lambda attrs: UniformSampler(attrs["range_max"])))
LOG_UNIFORM = _sampler_op(
    "LogUniformCandidateSampler", _RANGE, _kernel(lambda attrs: LogUniformSampler(attrs["range_max"]))
)
LEARNED_UNIGRAM = _sampler_op(
    "LearnedUnigramCandidateSampler", _RANGE, _kernel(lambda attrs: LearnedUnigramSampler(attrs["range_max"]))
)
FIXED_UNIGRAM = _sampler_op("FixedUnigramCandidateSampler", f"{_RANGE}{_FIXED}; ", _kernel(_fixed_sampler))
ALL = _sampler_op("AllCandidateSampler", "", _all_kernel)
COMPUTE_ACCIDENTAL_HITS = define_op(
    "ComputeAccidentalHits", inputs="true_classes: int64, sampled_candidates: int64",
    outputs="indices: int32, ids: int64, weights: float32", attrs=f"num_true: int; {SEED_ATTRS}",
    shape=lambda op: [(None,)] * 3, kernel=_hits_kernel, traits=HOST,
)  # fmt: skip


def _candidates(
    opdef: OpDef, true_classes: Any, num_true: int, num_sampled: int, unique: bool, seed: int | None,
    name: str | None, **attrs: Any,
) -> Candidates:  # fmt: skip
    seed1, seed2 = get_seed(seed)
    drawn = apply(
        opdef, true_classes, num_true=num_true, num_sampled=num_sampled, unique=unique, seed=seed1, seed2=seed2,
        name=name, **attrs,
    )  # fmt: skip
    return drawn[0], drawn[1], drawn[2]


@public("nn.uniform_candidate_sampler", "random.uniform_candidate_sampler")
def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None,
    name: str | None = None,
) -> Candidates:  # fmt: skip
    """Candidates drawn evenly from `range(range_max)`.

    Parameters
    ----------
    true_classes : int64 tensor-like of shape [rows, num_true]
    num_true, num_sampled : int
        Classes in each row, and candidates to draw.
    unique : bool
        No class twice.
    range_max : int
    seed : int, optional
        See `get_seed`.

    Returns
    -------
    sampled_candidates : int64 Tensor of shape [num_sampled]
    true_expected_count : float32 Tensor of the shape of `true_classes`
        How often each was to be expected among the candidates.
    sampled_expected_count : float32 Tensor of shape [num_sampled]
    """
    return _candidates(UNIFORM, true_classes, num_true, num_sampled, unique, seed, name, range_max=range_max)


@public("nn.log_uniform_candidate_sampler", "random.log_uniform_candidate_sampler")
def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None,
    name: str | None = None,
) -> Candidates:  # fmt: skip
    """Candidates of which class k has the probability log((k + 2) / (k + 1)) / log(range_max + 1).

    It fits classes ordered by how frequent they are. See `nn.uniform_candidate_sampler`.
    """
    return _candidates(LOG_UNIFORM, true_classes, num_true, num_sampled, unique, seed, name, range_max=range_max)


@public("nn.learned_unigram_candidate_sampler", "random.learned_unigram_candidate_sampler")
def learned_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None,
    name: str | None = None,
) -> Candidates:  # fmt: skip
    """Candidates drawn by how often each class was among the true ones in this session.

    See `nn.uniform_candidate_sampler`.
    """
    return _candidates(LEARNED_UNIGRAM, true_classes, num_true, num_sampled, unique, seed, name, range_max=range_max)


@public("nn.fixed_unigram_candidate_sampler", "random.fixed_unigram_candidate_sampler")
def fixed_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, vocab_file: str = "",
    distortion: float = 1.0, num_reserved_ids: int = 0, num_shards: int = 1, shard: int = 0,
    unigrams: Sequence[float] = (), seed: int | None = None, name: str | None = None,
) -> Candidates:  # fmt: skip
    """Candidates drawn by given weights.

    Parameters
    ----------
    vocab_file, unigrams : str, sequence of float
        Exactly one of them: a file with a weight at the end of each comma-separated line, or the weights.
    distortion : float
        The power to which the weights are raised.
    num_reserved_ids : int
        Classes before the first weight, which are never drawn.
    num_shards, shard : int
        Keep only each `num_shards`-th class, from `shard` on.

    The other arguments are those of `nn.uniform_candidate_sampler`.
    """
    return _candidates(
        FIXED_UNIGRAM, true_classes, num_true, num_sampled, unique, seed, name, range_max=range_max,
        vocab_file=vocab_file, distortion=distortion, num_reserved_ids=num_reserved_ids, num_shards=num_shards,
        shard=shard, unigrams=list(unigrams),
    )  # fmt: skip


@public("nn.all_candidate_sampler", "random.all_candidate_sampler")
def all_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, seed: int | None = None, name: str | None = None
) -> Candidates:
    """All of `range(num_sampled)`, in order, each expected once. See `nn.uniform_candidate_sampler`."""
    return _candidates(ALL, true_classes, num_true, num_sampled, unique, seed, name)


@public("nn.compute_accidental_hits")
def compute_accidental_hits(
    true_classes: Any, sampled_candidates: Any, num_true: int, seed: int | None = None, name: str | None = None
) -> Candidates:
    """Where candidates happen to be true classes.

    Parameters
    ----------
    true_classes : int64 tensor-like of shape [rows, num_true]
    sampled_candidates : int64 tensor-like of shape [candidates]

    Returns
    -------
    indices : int32 Tensor of shape [hits]
        Rows of `true_classes`.
    ids : int64 Tensor of shape [hits]
        Places among the candidates.
    weights : float32 Tensor of shape [hits]
        The lowest finite number, to be added to the logit of a hit.
    """
    seed1, seed2 = get_seed(seed)
    hits = apply(
        COMPUTE_ACCIDENTAL_HITS, true_classes, sampled_candidates, num_true=num_true, seed=seed1, seed2=seed2,
        name=name,
    )  # fmt: skip
    return hits[0], hits[1], hits[2]
