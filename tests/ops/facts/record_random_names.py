"""Record the operations that TensorFlow 1.15.5 makes: `python record_random_names.py random_names.json.gz`.

Runs under TensorFlow 1.15.5 (Python 3.7) and imports nothing of scopert. Each program is Python source with the
name `tf`; recorded are all operations: name, type, inputs, control inputs, static shapes, and the seeds.
"""

import gzip
import json
import sys

import tensorflow as tf

PROGRAMS = [
    "tf.random_uniform([2, 3])",
    "tf.random_uniform((), 1, 5, name='u')",
    "tf.random_uniform([], minval=1.0, maxval=tf.placeholder(tf.float32, []), dtype=tf.float32, seed=3)",
    "tf.random_uniform([4], maxval=9, dtype=tf.int32)",
    "tf.random_uniform([4], maxval=9, dtype=tf.int64, name='i')",
    "tf.random_uniform(tf.placeholder(tf.int32, [3]))",
    "tf.random_uniform(tf.TensorShape([2, 3]), dtype=tf.float64)",
    "tf.random_uniform([tf.Dimension(2), 3])",
    "tf.random_uniform([2, tf.placeholder(tf.int32, [])])",
    "tf.random.uniform(tf.constant([2, 3], tf.int64), dtype=tf.float16)",
    "tf.random_normal([2, 3], 1.0, 2.0)",
    "tf.random_normal([2], stddev=tf.constant(2.0), seed=1, name='n')",
    "tf.random.normal([], dtype=tf.float64)",
    "tf.truncated_normal([2, 3], seed=5)",
    "tf.truncated_normal([], 1.0, name='t')",
    "tf.random_shuffle([[1, 2], [3, 4]])",
    "tf.random_shuffle(tf.placeholder(tf.float32), seed=1, name='s')",
    "tf.multinomial([[0.0, 1.0]], 5)",
    "tf.multinomial(tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.int32), name='m', output_dtype=tf.int32)",
    "tf.random.categorical([[0.0, 1.0]], 5, seed=3, name='c')",
    "tf.random_gamma([3], [0.5, 1.0])",
    "tf.random_gamma([], 2.0, beta=[1.0, 2.0], dtype=tf.float64, seed=1, name='g')",
    "tf.random_poisson([0.5, 1.0], [3])",
    "tf.random_poisson(tf.constant(2.0), [], dtype=tf.int32, seed=1, name='p')",
    "tf.random.stateless_uniform([3], [1, 2])",
    "tf.random.stateless_uniform([3], [1, 2], maxval=5, dtype=tf.int32, name='su')",
    "tf.random.stateless_normal([3], tf.constant([1, 2], tf.int64), 1.0, 2.0)",
    "tf.random.stateless_truncated_normal([3], [1, 2], dtype=tf.float16, name='st')",
    "tf.random.stateless_categorical([[0.0, 1.0]], 4, [1, 2])",
    "tf.random.stateless_multinomial([[0.0, 1.0]], 4, [1, 2], output_dtype=tf.int32, name='sm')",
    "tf.random_crop(tf.zeros([4, 5]), [2, 3], seed=1)",
    "tf.random_crop(tf.placeholder(tf.float32, [4, None]), [2, 3], name='crop')",
    "tf.nn.uniform_candidate_sampler([[1, 2]], 2, 5, True, 60)",
    "tf.nn.log_uniform_candidate_sampler(tf.placeholder(tf.int64, [None, 1]), 1, 5, False, 60, seed=1, name='l')",
    "tf.nn.learned_unigram_candidate_sampler([[1, 2]], 2, 5, True, 60)",
    "tf.nn.fixed_unigram_candidate_sampler([[1, 2]], 2, 2, True, 3, unigrams=[1.0, 2.0, 3.0])",
    "tf.nn.all_candidate_sampler([[1, 2]], 2, 5, True)",
    "tf.nn.compute_accidental_hits([[1, 2]], tf.constant([1, 2, 3], tf.int64), 2)",
    "tf.nn.dropout(tf.zeros([4, 5]), 0.5)",
    "tf.nn.dropout(tf.zeros([4, 5]), rate=tf.placeholder(tf.float32, []), noise_shape=[4, 1], seed=1, name='d')",
    "tf.nn.dropout(tf.placeholder(tf.float32, [None, 5]), keep_prob=tf.placeholder(tf.float32, []))",
    "tf.nn.dropout(tf.zeros([4, 5]), rate=0.0)",
    "tf.nn.dropout(tf.placeholder(tf.float32), rate=0.25, noise_shape=tf.constant([1, 2]))",
    "tf.nn.dropout(tf.placeholder(tf.float32, [3, 4]), rate=0.25, noise_shape=[None, 1])",
    "tf.nn.nce_loss(tf.zeros([10, 4]), tf.zeros([10]), tf.zeros([3, 2], tf.int64), tf.zeros([3, 4]), 5, 10, num_true=2)",
    "tf.nn.nce_loss([tf.zeros([5, 4])] * 2, tf.zeros([10]), tf.zeros([3, 1], tf.int32), tf.zeros([3, 4]), 5, 10)",
    "tf.nn.sampled_softmax_loss(tf.zeros([10, 4]), tf.zeros([10]), tf.zeros([3, 1], tf.int64), tf.zeros([3, 4]), 5, 10)",
    "tf.qr(tf.placeholder(tf.float32, [2, 3, 4]))",
    "tf.linalg.qr(tf.placeholder(tf.float32, [None, 4]), full_matrices=True, name='q')",
    "a = tf.constant([0.5, 1.0]); tf.gradients(tf.random_gamma([3, 4], a), a)",
    "tf.gradients(tf.random_normal([2]), tf.zeros([2]))",
]


def main(path):
    programs = []
    for source in PROGRAMS:
        for seed in (None, 7):
            with tf.Graph().as_default() as graph:
                tf.compat.v1.set_random_seed(seed)
                exec(source, {"tf": tf})
            ops = []
            for op in graph.get_operations():
                seeds = [op.get_attr(name) for name in ("seed", "seed2") if name in op.node_def.attr]
                shapes = [str(tensor.shape) for tensor in op.outputs]
                ops.append([op.name, op.type, [t.name for t in op.inputs], [c.name for c in op.control_inputs],
                            shapes, seeds])
            programs.append({"source": source, "graph_seed": seed, "ops": ops})
    document = {"tensorflow": tf.__version__, "programs": programs}
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        packed.write(json.dumps(document, sort_keys=True).encode())


if __name__ == "__main__":
    main(sys.argv[1])
