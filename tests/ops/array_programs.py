"""Small programs over the array and sparse ops, to be built by TensorFlow 1.15.5 and by scopert.

``record_array_graphs.py`` runs them under TensorFlow; ``test_array_graphs.py`` compares what was recorded.
"""


def programs(tf, np):
    """Return ``{title: function that builds a graph and returns what to run}``."""
    found = {}
    P = tf.placeholder
    f4 = tf.float32

    def show(title, function):
        assert title not in found, title
        found[title] = function

    def grad(function, *shapes):
        def run():
            xs = [P(f4, shape) for shape in shapes]
            ys = function(*xs)
            ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
            return ys + [g for g in tf.gradients(ys, xs) if g is not None]

        return run

    # dense
    show("dense diag", lambda: tf.linalg.diag([1.0, 2.0]))
    show("dense dp", lambda: tf.matrix_diag_part(P(f4, [2, 2])))
    show("dense sd", lambda: tf.matrix_set_diag(P(f4, [2, 2]), [1.0, 2.0]))
    show("dense split", lambda: tf.split(P(f4, [4, 6]), 2, 1))
    show("dense splitv", lambda: tf.split(P(f4, [4, 6]), [2, -1], 1))
    show("dense split bad", lambda: tf.split(P(f4, [4, 6]), 4, 1))
    show("dense split t", lambda: tf.split(P(f4, [4, 6]), P(tf.int32, []), 1))
    show("dense split None", lambda: tf.split(P(f4, [None, 6]), 2, 0))
    show("dense gi", lambda: P(f4, [4, 6])[1:, ..., tf.newaxis, 2])
    show("dense gi2", lambda: P(f4, [4, 6])[P(tf.int32, []) :, 0])
    show("dense gi3", lambda: P(f4, [4, 6])[-1])
    show("dense gi4", lambda: P(f4, [4, 6])[::-1, 1:5:2])
    show("dense gi5", lambda: P(f4, [4, 6])[7])
    show("dense gi6", lambda: P(f4, [4, 6])[:, :, 0])
    show("dense gi7", lambda: P(f4, [4, 6])["a"])
    show("dense gi8", lambda: P(f4, [4, 6])[1.5])
    show("dense gi9", lambda: P(f4, [None, 6])[1:, 2:])
    show("dense gi10", lambda: P(f4)[1:, 2:])
    show("dense gi11", lambda: P(f4, [2, 3])[...])
    show("gi12", lambda: P(f4, [2, 3])[()])
    show("dense gi13", lambda: P(f4, [4, 6])[1::0])
    show("dense gi14", lambda: P(f4, [4, 6])[np.int64(1), 0 : np.int32(2)])
    show("dense gi15", lambda: P(f4, [4, 6])[tf.constant(1, tf.int64) :])
    show("dense gi16", lambda: P(f4, [3, 2])[P(f4, [3, 2]) > 2.0])
    show("dense gi17", lambda: P(f4, [4])[-1:0:-1])
    show("dense gi18", lambda: P(f4, [3])[np.array([True, False, True])])
    show("dense gi19", lambda: P(f4, [None, 4])[:, -1])
    show("dense gi20", lambda: P(f4, [4, 6])[1, ..., 2])
    show("dense gi21", lambda: P(f4, [5])[10:20])
    show("dense tr?", lambda: tf.transpose(P(f4)))
    show("dense tr", lambda: tf.transpose(P(f4, [2, 3])))
    show("dense tr3", lambda: tf.transpose(P(f4, [2, 3, 4]), [2, 0, 1]))
    show("dense trbad", lambda: tf.transpose(P(f4, [2, 3, 4]), [2, 0]))
    show("dense trc", lambda: tf.transpose(tf.constant([[1 + 2j]]), conjugate=True))
    show("dense tr s", lambda: tf.transpose(P(f4, [])))
    show("dense mt", lambda: tf.linalg.matrix_transpose(P(f4, [2, 3, 4])))
    show("dense mt?", lambda: tf.matrix_transpose(P(f4)))
    show("dense mtbad", lambda: tf.matrix_transpose(P(f4, [2])))
    show("dense eye", lambda: tf.eye(3))
    show("dense eyeb", lambda: tf.eye(3, 2, batch_shape=[2]))
    show("dense eyed", lambda: tf.eye(P(tf.int32, [])))
    show("dense sm", lambda: tf.sequence_mask([1, 2, 3]))
    show("dense sm2", lambda: tf.sequence_mask(P(tf.int32, [None, 2]), 5, tf.float32))
    show("dense sm3", lambda: tf.sequence_mask(P(tf.int64)))
    show("dense oh", lambda: tf.one_hot([1, 2], 3))
    show("dense oh2", lambda: tf.one_hot([[1, -1]], 3, 5, 2, axis=0))
    show("dense oh3", lambda: tf.one_hot(P(tf.int64, [None]), 3, on_value=2.0))
    show("dense oh4", lambda: tf.one_hot(P(tf.int64, [None]), 3, on_value=2, dtype=tf.float32))
    show("dense oh5", lambda: tf.one_hot(P(tf.int64, [None]), 3, on_value=True, off_value=False))
    show("dense z", lambda: tf.zeros([2, 3]))
    show("dense zb", lambda: tf.zeros([200, 30]))
    show("dense zd", lambda: tf.zeros([P(tf.int32, []), 30]))
    show("dense zd2", lambda: tf.zeros([P(tf.int32, [])]))
    show("dense zt", lambda: tf.zeros(P(tf.int32, [2]), tf.int64, name="q"))
    show("dense z0", lambda: tf.zeros([]))
    show("dense zs", lambda: tf.zeros([2], tf.string))
    show("dense zsh", lambda: tf.zeros(tf.TensorShape([2, 3])))
    show("dense z3", lambda: tf.zeros(3))
    show("dense znone", lambda: tf.zeros([None, 2]))
    show("dense znp", lambda: tf.zeros(np.array([2, 2])))
    show("dense zdim", lambda: tf.zeros([P(f4, [2, 3]).shape[0], 2]))
    show("dense ones b", lambda: tf.ones([2], tf.bool))
    show("dense z scalar t", lambda: tf.zeros(P(tf.int32, [])))
    show("dense zc", lambda: tf.zeros((2,), tf.complex64))
    show("dense o64", lambda: tf.ones([2, 3], tf.float64, "nm"))
    show("dense zl", lambda: tf.zeros_like(P(f4, [None, 2])))
    show("dense zl2", lambda: tf.zeros_like(P(f4, [3, 2])))
    show("dense zl3", lambda: tf.zeros_like(P(f4, [None, 2]), tf.int32))
    show("dense zl4", lambda: tf.zeros_like([1, 2]))
    show("dense zl5", lambda: tf.zeros_like(P(f4, [3, 2]), optimize=False))
    show("dense ol", lambda: tf.ones_like(P(f4, [None, 2])))
    show("dense ol2", lambda: tf.ones_like(P(f4, [3, 2]), dtype=tf.int64))
    show("dense ol3", lambda: tf.ones_like(P(f4, [3, 2]), optimize=False))
    show("dense r", lambda: tf.range(3))
    show("dense r2", lambda: tf.range(0, P(tf.int32, []), 2.0))
    show("dense r3", lambda: tf.range(0.0, 1.0, 0.1))
    show("dense r4", lambda: tf.range(3, 0, -1))
    show("dense r5", lambda: tf.range(3, 0))
    show("dense r6", lambda: tf.range(1, 9, 3, dtype=tf.int64, name="hh"))
    show("dense r7", lambda: tf.range(tf.constant(3, tf.int64)))
    show("dense r8", lambda: tf.range(10, 0, -3))
    show("dense r9", lambda: tf.range(0, 0))
    show("dense r10", lambda: tf.range(2.5))
    show("dense r11", lambda: tf.range(np.int64(4)))
    show("dense l", lambda: tf.linspace(0.0, 1.0, 5))
    show("dense l2", lambda: tf.lin_space(1.0, 3.0, 1, name="x"))
    show("dense bm", lambda: tf.boolean_mask(P(f4, [3, 2]), [True, False, True]))
    show("dense bm2", lambda: tf.boolean_mask(P(f4, [3, 2]), [[True, False], [False, True], [True, True]]))
    show("dense bm3", lambda: tf.boolean_mask(P(f4, [None, 3, 2]), tf.constant([True, False, True]), axis=1))
    show("dense bm4", lambda: tf.boolean_mask(P(f4, [3]), True))
    show("dense bm5", lambda: tf.boolean_mask(P(f4, [3]), P(tf.bool)))
    show("dense w", lambda: tf.where(P(f4, [3]) > 1))
    show("dense w2", lambda: tf.where([True, False], [1, 2], [3, 4]))
    show("dense w3", lambda: tf.where([True, False], [[1, 2], [2, 1]], [[3, 4], [4, 3]], name="k"))
    show("dense w4", lambda: tf.where(True, [1, 2], [3, 4]))
    show("dense w5", lambda: tf.where([True, False], 1))
    show("dense w6", lambda: tf.where([True], [1, 2], [3, 4]))
    show("dense wv2", lambda: tf.where_v2([True, False], [[1], [2]], 5))
    show("dense w7", lambda: tf.where([[1, 0], [0, 2]]))
    show("dense ga", lambda: tf.gather(P(f4, [3, 2]), [0, 1]))
    show("dense ga2", lambda: tf.gather(P(f4, [3, 2]), [[0, 1]], axis=1))
    show("dense ga3", lambda: tf.gather(P(f4, [3, 2]), P(tf.int32, [3, 1]), batch_dims=1))
    show("dense ga4", lambda: tf.gather(P(f4, [3, 2]), [3]))
    show("dense ga5", lambda: tf.gather(P(f4, [2, 3, 2]), [[0, 1], [1, 0]], axis=2, batch_dims=1))
    show("dense ga6", lambda: tf.gather(P(f4, [3, 2]), 1, axis=-1))
    show("dense ga7", lambda: tf.gather(P(f4), 1))
    show("dense ga8", lambda: tf.gather(["a", "b"], [1, 0]))
    show("dense gn", lambda: tf.gather_nd(P(f4, [3, 2]), [[0, 1]]))
    show("dense gn2", lambda: tf.gather_nd(P(f4, [3, 2]), [[0], [2]]))
    show("dense gn3", lambda: tf.gather_nd(P(f4, [2, 3, 2]), [[0], [2]], batch_dims=1))
    show("dense gn4", lambda: tf.gather_nd(P(f4, [3, 2]), [[5]]))
    show("dense gn5", lambda: tf.gather_nd(P(f4, [3, 2]), [[0, 1, 2]]))
    show("dense bg", lambda: tf.batch_gather(P(f4, [3, 2]), P(tf.int32, [3, 1])))
    show("dense mg", lambda: tf.meshgrid([1, 2], [3, 4, 5]))
    show("dense mg2", lambda: tf.meshgrid([1, 2], [3, 4, 5], [6, 7], indexing="ij"))
    show("dense mg3", lambda: tf.meshgrid([1, 2]))
    show("dense st", lambda: tf.stack([P(f4, [2]), [1.0, 2.0]]))
    show("dense st2", lambda: tf.stack([1, 2]))
    show("dense st3", lambda: tf.stack([P(f4, [2]), [1.0, 2.0]], axis=1, name="u"))
    show("dense st4", lambda: tf.stack([P(f4, [2]), P(f4, [3])]))
    show("dense st5", lambda: tf.stack([[1, 2], [3, 4]], axis=-1))
    show("dense st6", lambda: tf.stack([P(f4, [2])], axis=3))
    show("dense st7", lambda: tf.stack([P(f4, [2]), P(tf.int32, [2])]))
    show("dense st8", lambda: tf.stack([P(f4, []), 1, 2.5]))
    show("dense c1", lambda: tf.concat([P(f4, [2])], 0))
    show("dense c2", lambda: tf.concat([P(f4, [2]), [1.0]], 0))
    show("dense c3", lambda: tf.concat([P(f4, [2, 3]), P(f4, [2, 1])], -1, "nn"))
    show("dense c4", lambda: tf.concat([P(f4, [2, 3]), P(f4, [3, 1])], 1))
    show("dense c5", lambda: tf.concat([P(f4, [None, 3]), P(f4)], 0))
    show("dense c6", lambda: tf.concat([[1], [2]], P(tf.int32, [])))
    show("dense c7", lambda: tf.concat(P(f4, [2]), 0))
    show("dense c8", lambda: tf.concat([P(f4, [2, 3]), P(f4, [2, 1])], 5))
    show("dense c9", lambda: tf.concat([P(f4, []), P(f4, [])], 0))
    show("dense c10", lambda: tf.concat([["a"], ["b"]], 0))
    show("dense pd", lambda: tf.pad(P(f4, [2]), [[1, 1]]))
    show("dense pd2", lambda: tf.pad(P(f4, [2, 3]), [[1, 1], [2, 0]], constant_values=3))
    show("dense pd3", lambda: tf.pad(P(f4, [2, 3]), [[1, 1], [2, 0]], "reflect"))
    show("dense pd4", lambda: tf.pad(P(f4, [2, 3]), [[1, 1], [2, 0]], "SYMMETRIC", name="x"))
    show("dense pd5", lambda: tf.pad(P(f4, [2, 3]), [[1, 1]]))
    show("dense pd6", lambda: tf.pad(P(f4, [None, 3]), [[0, P(tf.int32, [])], [1, 1]]))
    show("dense pd7", lambda: tf.pad(P(f4, [2, 3]), [[1, 1], [3, 3]], "REFLECT"))
    show("dense pd8", lambda: tf.pad(P(f4, [2]), [[1, 1]], "foo"))
    show("dense pd9", lambda: tf.pad(P(f4), P(tf.int32, [None, 2])))
    show("dense rp", lambda: tf.repeat([1, 2], 3))
    show("dense rp2", lambda: tf.repeat([1, 2], [3, 1]))
    show("dense rp3", lambda: tf.repeat(P(f4, [2, 3]), [1, 2, 0], axis=1))
    show("dense rp4", lambda: tf.repeat(P(f4, [2, 3]), 2, axis=0))
    show("dense rp5", lambda: tf.repeat(P(f4, []), 2, axis=0))
    show("dense rp6", lambda: tf.repeat(P(f4, [2, 3]), [1, 2], axis=1))
    show("dense us", lambda: tf.unstack(P(f4, [2, 3])))
    show("dense us2", lambda: tf.unstack(P(f4, [2, 3]), axis=-1, name="e"))
    show("dense us3", lambda: tf.unstack(P(f4, [None, 3])))
    show("dense us4", lambda: tf.unstack(P(f4, [None, 3]), num=2))
    show("dense us5", lambda: tf.unstack(P(f4, [2, 3]), axis=4))
    show("dense sh", lambda: tf.shape(P(f4, [2, 3])))
    show("dense sh2", lambda: tf.shape(P(f4, [None, 3]))[0])
    show("dense sh3", lambda: tf.shape(P(f4, [None, 3]), out_type=tf.int64, name="v"))
    show("dense sz", lambda: tf.size(P(f4, [None, 3])))
    show("dense sz2", lambda: tf.size(P(f4, [2, 3]), out_type=tf.int64))
    show("dense sz3", lambda: tf.size(P(f4, [None, 0])))
    show("dense rk", lambda: tf.rank(P(f4, [None, 3])))
    show("dense rk2", lambda: tf.rank(P(f4)))
    show("dense shn", lambda: tf.shape_n([P(f4, [None, 3]), P(f4, [2])]))
    show("dense sh4", lambda: tf.shape([1, 2]))
    show("dense ss", lambda: tf.searchsorted([1.0, 2.0], [1.5]))
    show("dense ss2", lambda: tf.searchsorted(P(f4, [2, 3]), P(f4, [2, 2]), "right", tf.int64))
    show("dense rq", lambda: tf.required_space_to_batch_paddings([3, 4], [2, 2]))
    show("dense rq2", lambda: tf.required_space_to_batch_paddings(P(tf.int32, [2]), [2, 2]))
    show("dense ui", lambda: tf.unravel_index([1, 2], [3, 4]))
    show("dense ui2", lambda: tf.unravel_index(5, [3, 4]))
    show("dense ed", lambda: tf.expand_dims([1, 2], 0))
    show("dense ed2", lambda: tf.expand_dims(P(f4, [None]), -1))
    show("dense ed3", lambda: tf.expand_dims([1, 2], 3))
    show("dense ed4", lambda: tf.expand_dims([1, 2], dim=1))
    show("dense ed5", lambda: tf.expand_dims([1, 2]))
    show("dense sq", lambda: tf.squeeze([[1, 2]]))
    show("dense sq2", lambda: tf.squeeze(P(f4, [None, 1, 2, 1]), [1]))
    show("dense sq3", lambda: tf.squeeze(P(f4, [None, 1, 2, 1])))
    show("dense sq4", lambda: tf.squeeze(P(f4, [2, 1]), 0))
    show("dense sq5", lambda: tf.squeeze(P(f4, [2, 1]), -1))
    show("dense sq6", lambda: tf.squeeze(P(f4, [2, 1]), squeeze_dims=1))
    show("dense rv", lambda: tf.reverse([1, 2], [0]))
    show("dense rv2", lambda: tf.reverse(P(f4, [2, 3]), [-1]))
    show("dense rv3", lambda: tf.reverse(P(f4, [2, 3]), [5]))
    show("dense rv4", lambda: tf.reverse(P(f4, [2, 3]), [0, 0]))
    show("dense ro", lambda: tf.roll([1, 2, 3], 1, 0))
    show("dense ro2", lambda: tf.roll(P(f4, [2, 3]), [1, -1], [0, 1]))
    show("dense rs", lambda: tf.reverse_sequence(P(f4, [2, 3]), [1, 3], 1))
    show("dense rs2", lambda: tf.reverse_sequence(P(f4, [2, 3, 2]), [1, 2], seq_dim=2, batch_dim=0))
    show("dense tu", lambda: tf.tensor_scatter_update([1, 2], [[0]], [3]))
    show("dense ta", lambda: tf.tensor_scatter_add([1, 2], [[0], [0]], [3, 4]))
    show("dense ts", lambda: tf.tensor_scatter_sub([[1, 2], [3, 4]], [[0]], [[3, 4]]))
    show("dense sn", lambda: tf.scatter_nd([[0]], [3], [4]))
    show("dense sn2", lambda: tf.scatter_nd([[0], [0]], [[1.0, 2.0], [3, 4]], [4, 2]))
    show("dense sn3", lambda: tf.scatter_nd([[5]], [3], [4]))
    show("dense sn4", lambda: tf.scatter_nd([[1]], [3, 3], [4]))
    show("dense sb", lambda: tf.space_to_batch(P(f4, [1, 4, 4, 1]), [[0, 0], [0, 0]], 2))
    show("dense bs", lambda: tf.batch_to_space(P(f4, [4, 2, 2, 1]), [[0, 1], [0, 0]], 2))
    show("dense sbn", lambda: tf.space_to_batch_nd(P(f4, [2, 3, 4]), [2], [[1, 0]]))
    show("dense bsn", lambda: tf.batch_to_space_nd(P(f4, [None, 3, 4]), [2], [[1, 0]]))
    show("dense s2d", lambda: tf.space_to_depth(P(f4, [1, 4, 4, 2]), 2))
    show("dense d2s", lambda: tf.depth_to_space(P(f4, [1, 2, 2, 8]), 2))
    show("dense s2dbad", lambda: tf.space_to_depth(P(f4, [1, 3, 4, 2]), 2))
    show("dense sd1", lambda: tf.setdiff1d([1, 2, 3], [2]))
    show("dense fl", lambda: tf.fill([2, 3], 1.0))
    show("dense fl2", lambda: tf.fill(P(tf.int32, [2]), "a"))
    show("dense bt", lambda: tf.broadcast_to([1.0], [3]))
    show("dense bt2", lambda: tf.broadcast_to(P(f4, [2, 1]), [3, 2, 4]))
    show("dense bt3", lambda: tf.broadcast_to(P(f4, [2, 1]), [3, 4]))
    show("dense bd", lambda: tf.broadcast_dynamic_shape([2, 1], [3]))
    show(
        "dense bss",
        lambda: [tf.constant(tf.broadcast_static_shape(tf.TensorShape([2, 1]), tf.TensorShape([3])).as_list())],
    )
    show("dense psk", lambda: tf.parallel_stack([P(f4, [2]), P(f4, [2])]))
    show("dense ap", lambda: tf.convert_to_tensor([P(f4, []), 1.0]))
    show("dense ap2", lambda: tf.convert_to_tensor([[P(f4, []), 1.0], [2, 3]]))
    show("dense ap3", lambda: tf.convert_to_tensor([P(f4, []), P(tf.int32, [])]))
    show("dense ap4", lambda: tf.reshape(P(f4, [6]), [P(tf.int32, []), -1]))
    show("dense ap5", lambda: tf.convert_to_tensor([P(f4, []), 1.0], dtype=tf.int32))
    show("dense ap6", lambda: tf.convert_to_tensor([P(f4, []), [1.0]]))
    show("dense es", lambda: tf.ensure_shape(P(f4), [2, None]))
    show("dense es2", lambda: tf.ensure_shape(P(f4, [3]), [2, None]))
    show("dense un", lambda: tf.unique([1, 2, 1]))
    show("dense unc", lambda: tf.unique_with_counts([4, 2, 4], tf.int64))
    show("dense uns", lambda: tf.unique(["b", "a", "b"]))
    show("dense ip", lambda: tf.invert_permutation([1, 0]))
    show("dense ip2", lambda: tf.invert_permutation([1, 1]))
    show("dense dpa", lambda: tf.dynamic_partition([1, 2, 3], [0, 1, 0], 2))
    show("dense dst", lambda: tf.dynamic_stitch([[0], [1]], [[1], [2]]))
    show("dense dst2", lambda: tf.dynamic_stitch([0, [2, 1]], [[1.0, 2], [[3.0, 4], [5, 6]]]))
    show("dense pwd", lambda: tf.placeholder_with_default([1.0, 2.0], [None]))
    show("dense id", lambda: tf.identity([1, 2], name="i"))
    show("dense idn", lambda: tf.identity_n([1, 2.5]))
    show("dense sg", lambda: tf.stop_gradient(P(f4, [2])))
    show("dense cn", lambda: tf.check_numerics(P(f4, [2]), "msg"))
    show("dense cn2", lambda: tf.check_numerics([float("nan")], "msg"))
    show("dense bc", lambda: tf.bitcast([1.0, 2.0], tf.int32))
    show("dense bc2", lambda: tf.bitcast([[1.0, 2.0]], tf.float64))
    show("dense bc3", lambda: tf.bitcast(P(f4, [3]), tf.uint8))
    show("dense bc4", lambda: tf.bitcast(P(f4, [3]), tf.float64))
    show("dense tl", lambda: tf.tile(P(f4, [2, None]), [2, 3]))
    show("dense tl2", lambda: tf.tile([1, 2], [0]))
    show("dense tl3", lambda: tf.tile(P(f4, [2]), [2, 3]))
    show("dense sl", lambda: tf.slice(P(f4, [3, 4]), [1, 0], [2, -1]))
    show("dense sl2", lambda: tf.slice(P(f4, [3, 4]), [1, 0], [3, -1]))
    show("dense sl3", lambda: tf.slice(P(f4, [None, 4]), [1, 0], [-1, 2]))
    show("dense sl4", lambda: tf.slice(P(f4), P(tf.int32, [2]), [1, 1]))
    show("dense ssl", lambda: tf.strided_slice(P(f4, [3, 4]), [0, 1], [2, 3]))
    show(
        "dense ssl2",
        lambda: tf.strided_slice(
            P(f4, [3, 4]), [0, 1], [2, 3], [1, 2], begin_mask=1, end_mask=2, shrink_axis_mask=0, name="g"
        ),
    )
    show("dense rsh", lambda: tf.reshape(P(f4, [2, 3]), [3, -1]))
    show("dense rsh2", lambda: tf.reshape(P(f4, [2, 3]), [4, -1]))
    show("dense rsh3", lambda: tf.reshape(P(f4, [2, 3]), [7]))
    show("dense rsh4", lambda: tf.reshape(P(f4, [None, 3]), [-1]))
    show("dense rsh5", lambda: tf.reshape(P(f4, [None, 3]), [2, -1, 3]))
    show("dense rsh6", lambda: tf.reshape(P(f4, [2, 3]), [-1, -1]))
    show("dense rsh7", lambda: tf.reshape(P(f4, [2, 3]), tf.shape(P(f4, [None, 2]))))
    show("dense rsh8", lambda: tf.reshape(P(f4, [1]), []))
    show("dense rsh9", lambda: tf.reshape(P(f4, [None, 4, 5]), [-1, tf.shape(P(f4, [None, 20]))[1]]))
    show("dense rsh10", lambda: tf.reshape(P(f4, [2, 3]), 3))
    show("dense rsh11", lambda: tf.reshape(P(f4, [None, 3]), tf.TensorShape([2, 3])))
    show("dense mbp", lambda: tf.matrix_band_part(P(f4, [3, 3]), 1, 0))
    show("dense tdg", lambda: tf.diag([1.0, 2]))
    show("dense tdgp", lambda: tf.diag_part(P(f4, [2, 2])))
    show("dense sn1", lambda: tf.size(tf.zeros([2, 0])))
    # gradients
    show("gradients sv", lambda: tf.reshape(P(f4, [None, None]), tf.shape(P(f4, [None, 20, 3]))[1:]))
    show(
        "gradients sv2",
        lambda: tf.reshape(P(f4, [None, None]), tf.concat([[2], tf.shape(P(f4, [None, 20, 3]))[1:]], 0)),
    )
    show("gradients g tr", grad(lambda x: tf.transpose(x, [1, 0]), [2, 3]))
    show("gradients g rs", grad(lambda x: tf.reshape(x, [-1]), [2, 3]))
    show("gradients g rs2", grad(lambda x: tf.reshape(x, [-1]), [None, 3]))
    show("gradients g ed", grad(lambda x: tf.expand_dims(x, 1), [2, 3]))
    show("gradients g sq", grad(lambda x: tf.squeeze(x), [2, 1]))
    show("gradients g cc", grad(lambda x, y: tf.concat([x, y], 1), [2, 3], [2, 1]))
    show("gradients g cc2", grad(lambda x, y: tf.concat([x, y], -1), [None, 3], [None, 1]))
    show("gradients g cc1", grad(lambda x: tf.concat([x], -1), [None, 3]))
    show("gradients g st", grad(lambda x, y: tf.stack([x, y], 1), [2], [2]))
    show("gradients g us", grad(lambda x: tf.unstack(x)[0], [2, 3]))
    show("gradients g sp", grad(lambda x: tf.split(x, 2, 1)[0] * 2.0, [2, 4]))
    show("gradients g spv", grad(lambda x: tf.split(x, [1, 3], 1)[1] * 2.0, [2, 4]))
    show("gradients g sl", grad(lambda x: tf.slice(x, [0, 1], [2, 2]), [2, 4]))
    show("gradients g sl2", grad(lambda x: tf.slice(x, [0, 1], [-1, 2]), [None, 4]))
    show("gradients g gi", grad(lambda x: x[1:, ::2], [3, 4]))
    show("gradients g gi2", grad(lambda x: x[1, tf.newaxis, ..., 0], [None, 4, 2]))
    show("gradients g tile", grad(lambda x: tf.tile(x, [2, 3]), [2, 2]))
    show("gradients g pad", grad(lambda x: tf.pad(x, [[1, 0], [2, 1]]), [2, 2]))
    show("gradients g pad2", grad(lambda x: tf.pad(x, [[1, 0], [2, 1]], constant_values=2.0), [None, 2]))
    show("gradients g mp", grad(lambda x: tf.pad(x, [[1, 0], [2, 1]], "REFLECT") * [[1.0, 2, 3, 4, 5, 6]], [2, 3]))
    show("gradients g mp2", grad(lambda x: tf.pad(x, [[1, 0], [2, 1]], "SYMMETRIC"), [2, 3]))
    show("gradients g ga", grad(lambda x: tf.gather(x, [0, 0, 1]), [3, 2]))
    show("gradients g ga1", grad(lambda x: tf.gather(x, [0, 0, 1], axis=1), [3, 2]))
    show("gradients g gab", grad(lambda x: tf.gather(x, [[0, 1], [1, 1]], axis=1, batch_dims=1), [2, 3]))
    show("gradients g gn", grad(lambda x: tf.gather_nd(x, [[0, 1], [1, 1]]), [2, 3]))
    show("gradients g gn1", grad(lambda x: tf.gather_nd(x, [[0], [1]]), [2, 3]))
    show("gradients g bg", grad(lambda x: tf.batch_gather(x, [[0], [1]]), [2, 3]))
    show("gradients g bm", grad(lambda x: tf.boolean_mask(x, [True, False]), [2, 3]))
    show("gradients g sc", grad(lambda x: tf.scatter_nd([[0], [2]], x, [4, 3]), [2, 3]))
    show("gradients g tu", grad(lambda x, y: tf.tensor_scatter_update(x, [[0]], y), [2, 3], [1, 3]))
    show("gradients g ta", grad(lambda x, y: tf.tensor_scatter_add(x, [[0]], y), [2, 3], [1, 3]))
    show("gradients g ts", grad(lambda x, y: tf.tensor_scatter_sub(x, [[0]], y), [2, 3], [1, 3]))
    show("gradients g wh", grad(lambda x, y: tf.where([True, False], x, y), [2], [2]))
    show("gradients g wh2", grad(lambda x, y: tf.where_v2([True, False], x, y), [2], []))
    show("gradients g fl", grad(lambda x: tf.fill([2, 3], x), []))
    show("gradients g bt", grad(lambda x: tf.broadcast_to(x, [3, 2, 4]), [2, 1]))
    show("gradients g rv", grad(lambda x: tf.reverse(x, [0]), [3]))
    show("gradients g rsq", grad(lambda x: tf.reverse_sequence(x, [1, 2], 1), [2, 3]))
    show("gradients g ro", grad(lambda x: tf.roll(x, 1, 0), [3]))
    show("gradients g dg", grad(lambda x: tf.diag(x), [3]))
    show("gradients g dgp", grad(lambda x: tf.diag_part(x), [3, 3]))
    show("gradients g md", grad(lambda x: tf.matrix_diag(x), [3]))
    show("gradients g mdp", grad(lambda x: tf.matrix_diag_part(x), [2, 3]))
    show("gradients g mdp2", grad(lambda x: tf.matrix_diag_part(x), [2, 2]))
    show("gradients g msd", grad(lambda x, y: tf.matrix_set_diag(x, y), [2, 2], [2]))
    show("gradients g msd2", grad(lambda x, y: tf.matrix_set_diag(x, y), [None, 2, 2], [None, 2]))
    show("gradients g bp", grad(lambda x: tf.matrix_band_part(x, 1, 0), [3, 3]))
    show("gradients g s2b", grad(lambda x: tf.space_to_batch(x, [[0, 0], [0, 0]], 2), [1, 2, 2, 1]))
    show("gradients g b2s", grad(lambda x: tf.batch_to_space(x, [[0, 0], [0, 0]], 2), [4, 1, 1, 1]))
    show("gradients g s2d", grad(lambda x: tf.space_to_depth(x, 2), [1, 2, 2, 1]))
    show("gradients g d2s", grad(lambda x: tf.depth_to_space(x, 2), [1, 1, 1, 4]))
    show("gradients g dpn", grad(lambda x: tf.dynamic_partition(x, [0, 1, 0], 2)[0], [3]))
    show("gradients g dst", grad(lambda x, y: tf.dynamic_stitch([[0, 2], [1]], [x, y]), [2], [1]))
    show("gradients g id", grad(lambda x: tf.identity(x), [2]))
    show("gradients g idn", grad(lambda x: tf.identity_n([x, x])[0], [2]))
    show("gradients g sg", grad(lambda x: tf.stop_gradient(x) * x, [2]))
    show("gradients g cn", grad(lambda x: tf.check_numerics(x, "m"), [2]))
    show("gradients g rp", grad(lambda x: tf.repeat(x, 2), [2]))
    show("gradients g pwd", grad(lambda x: tf.placeholder_with_default(x, [2]), [2]))
    show("gradients g es", grad(lambda x: tf.ensure_shape(x, [2]), [2]))
    show("gradients g mg", grad(lambda x: tf.meshgrid(x, [1.0, 2])[0], [2]))
    show("gradients g rng", grad(lambda x: tf.linspace(x, 2.0, 3), []))
    show("gradients g zl", grad(lambda x: tf.zeros_like(x) + x, [None]))
    show("gradients g mt", grad(lambda x: tf.linalg.matrix_transpose(x), [None, 2, 3]))
    show("gradients g cc17", grad(lambda *x: tf.concat(x, 0), *([[None]] * 17)))
    show(
        "gradients g gat cc",
        lambda: (lambda x, y: tf.gradients(tf.gather(tf.concat([x, y], 0), [0, 3]), [x, y]))(
            P(f4, [2, 3]), P(f4, [2, 3])
        ),
    )
    show(
        "gradients g gat cc1",
        lambda: (lambda x, y: tf.gradients(tf.gather(tf.concat([x, y], 1), [0, 1]), [x, y]))(
            P(f4, [2, 3]), P(f4, [2, 3])
        ),
    )
    show(
        "gradients g gat tile",
        lambda: tf.gradients(
            tf.gather(tf.tile(P(f4, [2, 3], name="x"), [2, 1]), [0, 1]),
            [tf.get_default_graph().get_tensor_by_name("x:0")],
        ),
    )
    show(
        "gradients g gat rs",
        lambda: tf.gradients(
            tf.gather(tf.reshape(P(f4, [2, 3], name="x"), [3, 2]), [0, 1]),
            [tf.get_default_graph().get_tensor_by_name("x:0")],
        ),
    )
    show("gradients gg gi", lambda: (lambda x: tf.gradients(tf.gradients(x[1:] * x[1:], x)[0], x))(P(f4, [3])))
    show(
        "gradients gg mp",
        lambda: (lambda x: tf.gradients(tf.gradients(tf.pad(x, [[1, 1]], "REFLECT") ** 2.0, x)[0], x))(P(f4, [3])),
    )

    # sparse
    def S():
        return tf.SparseTensor([[0, 1], [2, 0], [2, 2]], [5.0, 6.0, 7.0], [3, 4])

    def S2():
        return tf.SparseTensor([[0, 1], [1, 0]], [1.0, 2.0], [3, 4])

    show("sparse st", lambda: S().values)
    show("sparse td", lambda: tf.sparse.to_dense(S()))
    show("sparse std", lambda: tf.sparse_to_dense([[0, 1], [1, 0]], [2, 2], [1, 2], 9))
    show("sparse std2", lambda: tf.sparse_to_dense([1, 3], [5], 1))
    show("sparse std3", lambda: tf.sparse_to_dense(1, [5], 1.0))
    show("sparse std4", lambda: tf.sparse_to_dense([3, 1], [5], 1))
    show("sparse std5", lambda: tf.sparse_to_dense([3, 7], [5], 1))
    show("sparse fd", lambda: tf.sparse.from_dense([[1, 0], [0, 2]]).indices)

    def parts(s):
        return [s.indices, s.values, s.dense_shape]

    show("sparse add", lambda: parts(tf.sparse_add(S(), S2())))
    show("sparse add2", lambda: tf.sparse_add(S(), tf.ones([3, 4])))
    show("sparse add3", lambda: parts(tf.sparse_add(S(), S2(), 5.5)))
    show("sparse mm", lambda: tf.sparse_tensor_dense_matmul(S(), tf.ones([4, 2])))
    show("sparse mm2", lambda: tf.sparse_tensor_dense_matmul(S(), P(f4, [2, 3]), adjoint_a=True, adjoint_b=True))
    show("sparse reo", lambda: parts(tf.sparse_reorder(tf.SparseTensor([[2, 0], [0, 1]], [1, 2], [3, 2]))))
    show("sparse tr", lambda: parts(tf.sparse_transpose(S())))
    show("sparse tr2", lambda: parts(tf.sparse_transpose(S(), [1, 0])))
    show("sparse rs", lambda: parts(tf.sparse_reshape(S(), [2, -1])))
    show("sparse rs2", lambda: parts(tf.sparse_reshape(S(), [5, -1])))
    show("sparse sl", lambda: parts(tf.sparse_slice(S(), [0, 0], [2, 3])))
    show("sparse sp", lambda: [x for s in tf.sparse_split(sp_input=S(), num_split=2, axis=1) for x in parts(s)])
    show("sparse sp3", lambda: [x for s in tf.sparse_split(sp_input=S(), num_split=3, axis=1) for x in parts(s)])
    show("sparse cc", lambda: parts(tf.sparse_concat(0, [S(), S2()])))
    show(
        "sparse cc2",
        lambda: parts(
            tf.sparse_concat(1, [S(), tf.SparseTensor([[0, 0]], [1.0], [2, 2])], expand_nonconcat_dim=True)
        ),
    )
    show("sparse fer", lambda: (lambda a, b: [*parts(a), b])(*tf.sparse_fill_empty_rows(S(), 9.0)))
    show("sparse ret", lambda: parts(tf.sparse_retain(S(), [True, False, True])))
    show("sparse rsum", lambda: tf.sparse_reduce_sum(S()))
    show("sparse rsum1", lambda: tf.sparse_reduce_sum(S(), 1))
    show("sparse rsum2", lambda: tf.sparse_reduce_sum(S(), [-1], keepdims=True))
    show("sparse rsums", lambda: parts(tf.sparse_reduce_sum_sparse(S(), 0)))
    show("sparse rmax", lambda: tf.sparse_reduce_max(S(), 1))
    show("sparse sm", lambda: parts(tf.sparse_softmax(S())))
    show("sparse max", lambda: parts(tf.sparse_maximum(S(), S2())))
    show("sparse min", lambda: parts(tf.sparse_minimum(S(), S2())))
    show("sparse mul", lambda: parts(S() * tf.ones([3, 4])))
    show("sparse div", lambda: parts(S() / 2.0))
    show("sparse dmul", lambda: parts(tf.ones([4]) * S()))
    show("sparse ph", lambda: parts(tf.sparse_placeholder(f4)))
    show("sparse ph2", lambda: parts(tf.sparse_placeholder(f4, [None, 3], name="x")))
    show("sparse ph3", lambda: parts(tf.sparse_placeholder(f4, [2, 3], name="x")))
    show(
        "sparse mg",
        lambda: parts(
            tf.sparse_merge(
                tf.SparseTensor([[0, 0], [1, 0], [1, 1]], [3, 1, 0], [2, 2]),
                tf.SparseTensor([[0, 0], [1, 0], [1, 1]], [0.5, 1, 2], [2, 2]),
                5,
            )
        ),
    )
    show("sparse ti", lambda: tf.sparse_to_indicator(tf.SparseTensor([[0, 0], [1, 0], [1, 1]], [3, 1, 0], [2, 2]), 5))
    show("sparse abs", lambda: parts(tf.abs(S())))
    show("sparse sh", lambda: tf.shape(S()))
    show("sparse rk", lambda: tf.rank(S()))
    show("sparse sz", lambda: tf.size(S()))
    show("sparse cast", lambda: parts(tf.cast(S(), tf.int32)))

    def gs(f):
        def run():
            v = P(f4, [3])
            s = tf.SparseTensor([[0, 1], [2, 0], [2, 2]], v, [3, 4])
            y = f(s)
            return [tf.gradients(y, v)[0]]

        return run

    show("sparse g td", gs(lambda s: tf.sparse.to_dense(s)))
    show("sparse g add", gs(lambda s: tf.sparse_add(s, S2()).values))
    show("sparse g addd", gs(lambda s: tf.sparse_add(s, tf.ones([3, 4]))))
    show(
        "sparse g mm", gs(lambda s: tf.sparse_tensor_dense_matmul(s, tf.constant([[1.0, 2], [3, 4], [5, 6], [7, 8]])))
    )
    show("sparse g reo", gs(lambda s: tf.sparse_reorder(s).values))
    show("sparse g rsum", gs(lambda s: tf.sparse_reduce_sum(s, 1)))
    show("sparse g sl", gs(lambda s: tf.sparse_slice(s, [0, 0], [3, 2]).values))
    show("sparse g sm", gs(lambda s: tf.sparse_softmax(s).values * [1.0, 2, 3]))
    show("sparse g fer", gs(lambda s: tf.sparse_fill_empty_rows(s, 1.0)[0].values))
    show("sparse g mul", gs(lambda s: (s * tf.constant([[1.0, 2, 3, 4]])).values))
    show("sparse mmg b", lambda: (lambda b: tf.gradients(tf.sparse_tensor_dense_matmul(S(), b), b))(P(f4, [4, 2])))

    # quantization
    X = [-10.3, -6.0, -2.27, -0.013, 0.0, 0.02, 0.51, 1.5, 2.499, 5.99, 6.2, 60.0]
    show("quant fq", lambda: tf.fake_quant_with_min_max_args(X))
    show("quant fq4", lambda: tf.fake_quant_with_min_max_args(X, -1.3, 2.7, 4, True))
    show("quant fqv", lambda: tf.fake_quant_with_min_max_vars(X, -2.2, 3.1, 5))
    show("quant fqv0", lambda: tf.fake_quant_with_min_max_vars(X, 0.0, 0.0))
    show(
        "quant fqc",
        lambda: tf.fake_quant_with_min_max_vars_per_channel([X[:3], X[5:8]], [-1.0, -2.0, 0.0], [1.0, 3.0, 5.5]),
    )
    show("quant fqpos", lambda: tf.fake_quant_with_min_max_vars(X, 1.0, 3.0))
    show("quant fqneg", lambda: tf.fake_quant_with_min_max_vars(X, -3.0, -1.0))

    def g1():
        x = tf.constant(X)
        return tf.gradients(tf.fake_quant_with_min_max_args(x, -1.3, 2.7) * tf.constant(X), x)

    def g2():
        x = tf.constant(X)
        a = tf.constant(-1.2)
        b = tf.constant(3.3)
        return tf.gradients(tf.fake_quant_with_min_max_vars(x, a, b) * tf.constant(X), [x, a, b])

    def g3():
        x = tf.constant([X[:3], X[5:8]])
        a = tf.constant([-1.0, -2.0, 0.0])
        b = tf.constant([1.0, 3.0, 5.5])
        return tf.gradients(tf.fake_quant_with_min_max_vars_per_channel(x, a, b) * x, [x, a, b])

    show("quant g1", g1)
    show("quant g2", g2)
    show("quant g3", g3)
    for m in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
        for d in ("qint8", "quint8", "qint16"):
            if d == "qint16" and m != "SCALED":
                continue

            def f(m=m, d=d):
                q = tf.quantize(X, -5.0, 6.5, getattr(tf, d), m)
                return [
                    tf.bitcast(q[0], {"qint8": tf.int8, "quint8": tf.uint8, "qint16": tf.int16}[d]),
                    q[1],
                    q[2],
                    tf.dequantize(q[0], q[1], q[2], m),
                ]

            show(f"quant q {m} {d}", f)
    for k in (
        {},
        {"signed_input": False},
        {"num_bits": 4},
        {"range_given": True},
        {"range_given": True, "narrow_range": True, "num_bits": 5},
        {"round_mode": "HALF_UP"},
        {"range_given": True, "signed_input": False},
    ):
        show(
            f"quant qd {sorted(k.items())}",
            lambda k=k: tf.quantization.quantize_and_dequantize(tf.constant(X), -2.0, 5.0, **k),
        )
    show(
        "quant qdg",
        lambda: (lambda x: tf.gradients(tf.quantization.quantize_and_dequantize(x, -2.0, 5.0), x))(tf.constant(X)),
    )

    # more
    show(
        "more mask",
        lambda: (lambda m: [m.values, m.indices])(
            tf.sparse_mask(
                tf.IndexedSlices(
                    tf.constant([[1, 2], [3, 4], [5, 6]]), tf.constant([12, 26, 37]), tf.constant([50, 2])
                ),
                [12, 45],
            )
        ),
    )
    show(
        "more mask2",
        lambda: (lambda m: [m.values, m.indices])(
            tf.sparse.mask(
                tf.IndexedSlices(
                    tf.constant([[1, 2], [3, 4], [5, 6]]), tf.constant([12, 26, 37]), tf.constant([50, 2])
                ),
                [12, 45],
                name="k",
            )
        ),
    )
    show("more se", lambda: (lambda m: [m.values, m.indices, m.dense_shape])(tf.sparse.eye(3, 2)))
    show(
        "more sed",
        lambda: (lambda m: [m.values, m.indices, m.dense_shape])(
            tf.sparse.expand_dims(tf.SparseTensor([[0, 1]], [2], [3, 4]), 1)
        ),
    )
    show(
        "more srs",
        lambda: (lambda m: [m.values, m.indices, m.dense_shape])(
            tf.sparse_reset_shape(tf.SparseTensor([[0, 1]], [2], [3, 4]))
        ),
    )
    show(
        "more srs2",
        lambda: (lambda m: [m.values, m.indices, m.dense_shape])(
            tf.sparse_reset_shape(tf.SparseTensor([[0, 1]], [2], [3, 4]), [5, 5])
        ),
    )
    show(
        "more ed",
        lambda: tf.edit_distance(
            tf.SparseTensor([[0, 0], [0, 1], [1, 0]], ["a", "b", "c"], [2, 2]),
            tf.SparseTensor([[0, 0], [0, 1], [0, 2]], ["a", "x", "b"], [2, 3]),
        ),
    )
    show(
        "more ed2",
        lambda: tf.edit_distance(
            tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [1, 2, 3], [2, 2]),
            tf.SparseTensor([[0, 0], [0, 1], [0, 2]], [1, 3, 2], [2, 3]),
            normalize=False,
        ),
    )
    show(
        "more evp",
        lambda: tf.extract_volume_patches(P(tf.float32, [1, 3, 3, 2, 1]), [1, 2, 2, 2, 1], [1, 1, 1, 1, 1], "VALID"),
    )
    show(
        "more evpg",
        grad(lambda x: tf.extract_volume_patches(x, [1, 2, 2, 2, 1], [1, 1, 1, 1, 1], "SAME"), [1, 3, 3, 2, 1]),
    )
    return found
