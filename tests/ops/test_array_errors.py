"""What the array and sparse functions refuse while a graph is built, and how they say it."""

import numpy as np
import pytest

import scopert as tf
from scopert.ops.array_identity import prevent_gradient


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def hole(*shape, dtype=tf.float32):
    return tf.placeholder(dtype, shape)


def open_hole(dtype=tf.float32):
    return tf.placeholder(dtype)


def sparse(rank=2, dtype=tf.int32):
    return tf.sparse_placeholder(dtype, [3] * rank)


CASES = {
    # shapes
    "reshape to another size": (lambda: tf.reshape(hole(2, 3), [7]), ValueError, "6 elements to shape \\[7\\]"),
    "reshape not divisible": (lambda: tf.reshape(hole(2, 3), [4, -1]), ValueError, "evenly divisible by 4"),
    "reshape to a scalar shape": (lambda: tf.reshape(hole(2, 3), 6), ValueError, "must be rank 1 but is rank 0"),
    "expand_dims without axis": (lambda: tf.expand_dims(hole(2)), ValueError, "Must specify an axis"),
    "expand_dims with two": (lambda: tf.expand_dims(hole(2), 0, dim=0), ValueError, "Cannot specify both"),
    "expand_dims too far": (lambda: tf.expand_dims(hole(2), 3), ValueError, "not in the interval \\[-2, 1\\]"),
    "expand_dims by a list": (lambda: tf.expand_dims(hole(2), [0, 1]), ValueError, "a single value"),
    "squeeze with two": (lambda: tf.squeeze(hole(2), 0, squeeze_dims=0), ValueError, "Cannot specify both"),
    "squeeze a larger axis": (lambda: tf.squeeze(hole(2, 1), 0), ValueError, "expected a dimension of 1, got 2"),
    "squeeze no axis": (lambda: tf.squeeze(hole(1), 4), ValueError, "not in \\[-1, 1\\)"),
    "ensure_shape": (lambda: tf.ensure_shape(hole(3), [2]), ValueError, "not compatible"),
    "default of a placeholder": (lambda: tf.placeholder_with_default([1.0], [2]), ValueError, "not compatible"),
    "gradient prevented": (lambda: (lambda x: tf.gradients(prevent_gradient(x, "no"), x))(hole(2)), LookupError, "no"),
    # joining and cutting
    "concat ranks": (lambda: tf.concat([hole(2), hole(2, 3)], 0), ValueError, "equal rank"),
    "concat scalars": (lambda: tf.concat([hole(), hole()], 0), ValueError, "Can't concatenate scalars"),
    "concat sizes": (lambda: tf.concat([hole(2, 3), hole(3, 1)], 1), ValueError, "not compatible"),
    "concat along a vector": (lambda: tf.concat([hole(2), hole(2)], [0]), ValueError, "must be rank 0"),
    "stack shapes": (lambda: tf.stack([hole(2), hole(3)]), ValueError, "must be equal, but are 2 and 3"),
    "stack axis": (lambda: tf.stack([hole(2)], axis=3), ValueError, "axis = 3 not in \\[-2, 2\\)"),
    "stack types": (lambda: tf.stack([hole(2), hole(2, dtype=tf.int32)]), TypeError, "do not all match|float32"),
    "unstack unknown": (lambda: tf.unstack(hole(None, 2)), ValueError, "Cannot infer num from shape \\(\\?, 2\\)"),
    "unstack axis": (lambda: tf.unstack(hole(2, 2), axis=2), ValueError, "axis = 2 not in"),
    "unstack number": (lambda: tf.unstack(hole(2, 2), num=3), ValueError, "must be 3 but is 2"),
    "parallel_stack": (lambda: tf.parallel_stack([hole(None)]), ValueError, "must be known"),
    "split unevenly": (lambda: tf.split(hole(4, 6), 4, 1), ValueError, "evenly divisible by 4"),
    "split by a scalar": (lambda: tf.split(hole(4), hole(dtype=tf.int32)), ValueError, "Rank-0 tensors"),
    "split by unknown": (lambda: tf.split(hole(4), hole(None, dtype=tf.int32)), ValueError, "Cannot infer num"),
    "split sizes": (lambda: tf.split(hole(4), [1, 2]), ValueError, "can't split axis of size 4"),
    "slice rank": (lambda: tf.slice(hole(2, 3), [0], [1]), ValueError, "must be rank 1 but is rank 2"),
    "slice begin": (lambda: tf.slice(hole(2), [3], [-1]), ValueError, "beyond the dimension"),
    "slice of nothing": (lambda: hole(2)[5].assign(1.0), ValueError, "out of bounds"),
    "index by a float": (lambda: hole(2)[1.5], TypeError, "Only integers, slices"),
    "index by a string": (lambda: hole(2)["a"], TypeError, "Only integers, slices"),
    "index by a vector": (lambda: hole(2)[hole(2, dtype=tf.int32)], TypeError, "Only integers, slices"),
    "too many indices": (lambda: hole(2)[0, 0], ValueError, "Index out of range using input dim 1"),
    "two ellipses": (lambda: hole(2, 3)[..., ...], ValueError, "Multiple ellipses"),
    "step of zero": (lambda: hole(2)[::0], ValueError, "strides\\[0\\] must be non-zero"),
    "assign to a slice": (lambda: hole(2)[0].assign(1.0), ValueError, "only supported for variables"),
    # order
    "transpose rank": (lambda: tf.transpose(hole(2, 3), [0]), ValueError, "must be 2 but is 1"),
    "transpose axis": (lambda: tf.transpose(hole(2, 3), [0, 5]), ValueError, "out of range"),
    "matrix_transpose": (lambda: tf.linalg.matrix_transpose(hole(2)), ValueError, "rank >= 2"),
    "reverse twice": (lambda: tf.reverse(hole(2), [0, -1]), ValueError, "axis 0 specified more than once"),
    "reverse axis": (lambda: tf.reverse(hole(2), [1]), ValueError, "out of valid range"),
    "reverse_sequence twice": (lambda: tf.reverse_sequence(hole(2, 2), [1, 1], 1, seq_dim=1), ValueError, "both 'seq_axis'"),
    "reverse_sequence axis": (lambda: tf.reverse_sequence(hole(2, 2), [1, 1], 4), ValueError, "seq_dim must be < input rank"),
    "reverse_sequence lengths": (lambda: tf.reverse_sequence(hole(2, 2), [1], 1), ValueError, "must be equal"),
    "roll a scalar": (lambda: tf.roll(hole(), 1, 0), ValueError, "at least rank 1"),
    "roll sizes": (lambda: tf.roll(hole(2), [1], [0, 0]), ValueError, "must be equal"),
    "roll by a matrix": (lambda: tf.roll(hole(2), [[1]], [[0]]), ValueError, "at most rank 1"),
    # filling
    "fill negative": (lambda: tf.fill([2, -1], 1.0), ValueError, "must be >= 0"),
    "fill with a vector": (lambda: tf.fill([2], [1.0, 2.0]), ValueError, "must be rank 0"),
    "fill a scalar shape": (lambda: tf.fill(3, 1.0), ValueError, "must be rank 1"),
    "range away": (lambda: tf.range(3, 0), ValueError, "Requires start <= limit"),
    "range of vectors": (lambda: tf.range([1, 2]), ValueError, "must be rank 0"),
    "range of halves": (lambda: tf.range(tf.constant(1.0, tf.float16)), TypeError, "range needs int32"),
    "linspace of none": (lambda: tf.linspace(0.0, 1.0, 0), ValueError, "Requires num > 0"),
    "one_hot types": (lambda: tf.one_hot([1], 2, on_value=1, dtype=tf.float32), TypeError, "does not match dtype parameter"),
    "one_hot two types": (lambda: tf.one_hot([1], 2, 1, 0.5), TypeError, "of off_value"),
    "one_hot depth": (lambda: tf.one_hot([1], -2), ValueError, "non-negative"),
    "one_hot axis": (lambda: tf.one_hot([1], 2, axis=4), ValueError, "at most 1"),
    "meshgrid indexing": (lambda: tf.meshgrid([1], indexing="z"), ValueError, "either 'xy' or 'ij'"),
    "meshgrid keyword": (lambda: tf.meshgrid([1], foo=1), TypeError, "'foo' is an invalid keyword"),
    "broadcast_to": (lambda: tf.broadcast_to(hole(2, 3), [2, 4]), ValueError, "Incompatible shapes"),
    "broadcast_to lower rank": (lambda: tf.broadcast_to(hole(2, 3), [3]), ValueError, "at most rank 1"),
    "pad rank": (lambda: tf.pad(hole(2, 3), [[1, 1]]), ValueError, "must be rank 1 but is rank 2"),
    "pad mode": (lambda: tf.pad(hole(2), [[1, 1]], "foo"), ValueError, "Unknown padding mode: foo"),
    "pad negative": (lambda: tf.pad(hole(2), [[-1, 1]]), ValueError, "non-negative"),
    "tile rank": (lambda: tf.tile(hole(2), [1, 2]), ValueError, "must be rank 2 but is rank 1"),
    "repeat axis type": (lambda: tf.repeat(hole(2), 2, axis=1.5), TypeError, "axis must be an int"),
    "repeat axis": (lambda: tf.repeat(hole(2), 2, axis=1), ValueError, "out of bounds"),
    "repeat count type": (lambda: tf.repeat(hole(2), 1.5, axis=0), TypeError, "must be an integer tensor"),
    "repeat lengths": (lambda: tf.repeat(hole(2), [1, 2, 3], axis=0), ValueError, "not compatible"),
    "repeat unknown rank": (lambda: tf.repeat(open_hole(), 1, axis=-1), ValueError, "may only be negative"),
    "sequence_mask": (lambda: tf.sequence_mask([1], [1]), ValueError, "maxlen must be scalar"),
    # choosing
    "boolean_mask scalar": (lambda: tf.boolean_mask(hole(2), True), ValueError, "mask cannot be scalar"),
    "boolean_mask unknown": (lambda: tf.boolean_mask(hole(2), open_hole(tf.bool)), ValueError, "must be specified"),
    "boolean_mask shape": (lambda: tf.boolean_mask(hole(2), [True]), ValueError, "incompatible"),
    "where half": (lambda: tf.where([True], 1), ValueError, "both be non-None"),
    "where shapes": (lambda: tf.where([True], [1, 2], [1, 2]), ValueError, "must be equal, but are 1 and 2"),
    "gather axis": (lambda: tf.gather(hole(2), [0], axis=1), ValueError, "at least rank 2 but is rank 1"),
    "gather a scalar": (lambda: tf.gather(hole(), [0]), ValueError, "at least rank 1"),
    "gather batches": (lambda: tf.gather(hole(2), [0], batch_dims=3), ValueError, "batch_dims = 3"),
    "gather batch axis": (lambda: tf.gather(hole(2, 2), [[0], [1]], axis=0, batch_dims=1), ValueError, "less than or equal"),
    "batch_gather": (lambda: tf.batch_gather(hole(2), open_hole(tf.int32)), ValueError, "unknown shape"),
    "batch_gather scalar": (lambda: tf.batch_gather(hole(2), 0), ValueError, "less than rank\\(indices\\)"),
    "batch_gather rank": (lambda: tf.batch_gather(hole(2), [[0]]), ValueError, "less than rank\\(params\\)"),
    "gather_nd depth": (lambda: tf.gather_nd(hole(2), [[0, 0]]), ValueError, "must be <= params.rank"),
    "gather_nd scalar": (lambda: tf.gather_nd(hole(2), 0), ValueError, "at least rank 1"),
    "gather_nd batches": (lambda: tf.gather_nd(hole(2), [[0]], batch_dims=-1), ValueError, "negative batch_dims"),
    "gather_nd batch rank": (lambda: tf.gather_nd(hole(2), [[0]], batch_dims=2), ValueError, "must be less than rank"),
    "scatter outer": (lambda: tf.scatter_nd([[0]], [1.0, 2.0], [3]), ValueError, "The outer 1 dimensions"),
    "scatter inner": (lambda: tf.scatter_nd([[0]], [[1.0, 2.0]], [3, 3]), ValueError, "The inner 1 dimensions"),
    "scatter into nothing": (lambda: tf.scatter_nd([[0]], [1.0], [0]), ValueError, "empty output shape"),
    # space
    "space_to_batch both": (lambda: tf.space_to_batch(hole(1, 2, 2, 1), [[0, 0]] * 2, 2, block_shape=2), ValueError, "both"),
    "space_to_batch uneven": (lambda: tf.space_to_batch(hole(1, 3, 2, 1), [[0, 0]] * 2, 2), ValueError, "divisible by 2"),
    "space_to_batch rank": (lambda: tf.space_to_batch_nd(hole(1), [2], [[0, 0]]), ValueError, "at least rank 2"),
    "space_to_batch block": (lambda: tf.space_to_batch_nd(hole(1, 2), [0], [[0, 0]]), ValueError, "must be positive"),
    "space_to_batch margins": (lambda: tf.space_to_batch_nd(hole(1, 2), [2], [[-1, 1]]), ValueError, "non-negative"),
    "batch_to_space crops": (lambda: tf.batch_to_space_nd(hole(2, 1), [2], [[2, 1]]), ValueError, "must be non-negative"),
    "space_to_depth uneven": (lambda: tf.space_to_depth(hole(1, 3, 2, 1), 2), ValueError, "divisible by 2"),
    "depth_to_space uneven": (lambda: tf.depth_to_space(hole(1, 2, 2, 3), 2), ValueError, "divisible by 4"),
    "vector channels": (lambda: tf.space_to_depth(hole(1, 2, 2, 1), 2, data_format="NCHW_VECT_C"), NotImplementedError, "VECT_C"),
    "patches of volumes": (
        lambda: tf.extract_volume_patches(hole(1, 2, 2, 2, 1), [2, 1, 1, 1, 1], [1] * 5, "VALID"), ValueError, "ksizes must be",
    ),
    # diagonals, sets, rows
    "diag of a scalar": (lambda: tf.diag(hole()), ValueError, "at least rank 1"),
    "diag_part odd": (lambda: tf.diag_part(hole(2)), ValueError, "even and non-zero rank"),
    "matrix_set_diag": (lambda: tf.matrix_set_diag(hole(2, 2), hole(3)), ValueError, "not compatible"),
    "searchsorted side": (lambda: tf.searchsorted([1.0], [1.0], "up"), ValueError, "side must be"),
    "unique of a matrix": (lambda: tf.unique(hole(2, 2)), ValueError, "must be rank 1"),
    "bitcast": (lambda: tf.bitcast(hole(3), tf.float64), ValueError, "Cannot bitcast due to shape"),
    "partition shapes": (lambda: tf.dynamic_partition(hole(2), [0, 1, 0], 2), ValueError, "must be how data's shape"),
    "stitch shapes": (lambda: tf.dynamic_stitch([[0, 1]], [hole(3)]), ValueError, "must begin with"),
    # sparse tensors
    "sparse ranks": (lambda: tf.SparseTensor([[0, 0]], [1], [3]), ValueError, "not compatible"),
    "sparse lengths": (lambda: tf.SparseTensor([[0, 0]], [1, 2], [3, 3]), ValueError, "not compatible"),
    "no sparse value": (lambda: tf.SparseTensor.from_value(3), TypeError, "Neither a SparseTensor"),
    "no sparse input": (lambda: tf.sparse.to_dense(3), TypeError, "Input must be a SparseTensor"),
    "sparse of another type": (
        lambda: tf.convert_to_tensor_or_sparse_tensor(sparse(), tf.float32), RuntimeError, "requested = float32, actual = int32",
    ),
    "add nothing sparse": (lambda: tf.sparse_add(hole(2), hole(2)), TypeError, "At least one input should be SparseTensor"),
    "add with two thresholds": (lambda: tf.sparse_add(sparse(), sparse(), 1, thresh=1), ValueError, "both"),
    "sparse matmul": (lambda: tf.sparse_tensor_dense_matmul(sparse(), hole(2, 2, dtype=tf.int32)), ValueError, "must be equal"),
    "sparse matmul rank": (lambda: tf.sparse_tensor_dense_matmul(sparse(), hole(2, dtype=tf.int32)), ValueError, "must be rank 2"),
    "split by position": (lambda: tf.sparse_split(sparse()), ValueError, "Keyword arguments are required"),
    "split without axis": (lambda: tf.sparse_split(sp_input=sparse(), num_split=2), ValueError, "axis is required"),
    "sparse concat": (lambda: tf.sparse_concat(0, sparse()), TypeError, "must be a list or tuple"),
    "sparse reshape": (lambda: tf.sparse_reshape(sparse(), [2, 2]), ValueError, "9 elements to shape"),
    "sparse reshape twice": (lambda: tf.sparse_reshape(sparse(), [-1, -1]), ValueError, "At most one dimension"),
    "reduce twice": (lambda: tf.sparse_reduce_sum(sparse(), 0, reduction_axes=0), ValueError, "given twice"),
    "merge sizes": (lambda: tf.sparse_merge(sparse(), sparse(), 1.5), TypeError, "vocab_size has to be"),
    "merge lists": (lambda: tf.sparse_merge([sparse()], sparse(), [1, 2]), ValueError, "equal lengths"),
    "merge ids": (lambda: tf.sparse_merge(3, sparse(), 1), TypeError, "sp_ids has to be"),
    "merge one size": (lambda: tf.sparse_merge([sparse()], sparse(), 1), TypeError, "has to be a list"),
    "sparse expand_dims": (lambda: tf.sparse.expand_dims(sparse(), "a"), TypeError, "axis must be an integer"),
    "sparse eye": (lambda: tf.sparse.eye(1.5), TypeError, "num_rows must be an integer"),
    "reset_shape smaller": (lambda: tf.sparse_reset_shape(sparse(), [1, 1]), ValueError, "dimension sizes >="),
    "edit distance": (lambda: tf.edit_distance(hole(2), sparse()), TypeError, "Hypothesis must be"),
    "edit distance truth": (lambda: tf.edit_distance(sparse(), hole(2)), TypeError, "Truth must be"),
    "no maximum's gradient": (
        lambda: (lambda s: tf.gradients(tf.sparse_maximum(s, s).values, s.values))(sparse(dtype=tf.float32)),
        NotImplementedError, "not implemented",
    ),
    "no sum's gradient": (
        lambda: (lambda s: tf.gradients(tf.sparse_softmax(s).values, [s.values]) and tf.gradients(
            tf.gradients(tf.sparse_softmax(s).values, s.values)[0], s.values))(sparse(dtype=tf.float32)),
        NotImplementedError, "SparseDenseCwiseAdd",
    ),
    "tensor proto": (lambda: tf.make_tensor_proto(1, verify_shape=True, allow_broadcast=True), ValueError, "both allowed"),
    "tensor proto size": (lambda: tf.make_tensor_proto([1, 2], shape=[1]), ValueError, "Too many elements"),
    "tensor proto shape": (lambda: tf.make_tensor_proto([1, 2], shape=[2, 1], verify_shape=True), TypeError, "Expected Tensor's"),
    "fake quant limits": (lambda: tf.fake_quant_with_min_max_vars(hole(2), [0.0], 1.0), ValueError, "must be rank 0"),
}


@pytest.mark.parametrize("title", CASES)
def test_refused(title):
    call, kind, text = CASES[title]
    with pytest.raises(kind, match=text):
        call()


def test_an_operator_of_the_same_name_is_refused():
    from scopert.graph.tensor import define_operator

    with pytest.raises(ValueError, match="already defined"):
        define_operator("__getitem__", lambda tensor, item: tensor)


def test_an_op_that_does_not_exist():
    from scopert.ops.raw import raw

    with pytest.raises(NotImplementedError, match="no op 'Foo'"):
        raw("Foo")


def test_what_is_given_back_unchanged():
    assert tf.get_static_value("text") == "text"
    assert tf.is_tensor(tf.constant(1))
    assert not tf.is_tensor(np.zeros(2))
