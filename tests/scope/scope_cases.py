"""Short programs about scopes and variables, which run under TensorFlow 1.15 and under scopert alike.

``python facts/record_scopes.py`` under TensorFlow 1.15.5 writes what they do to ``facts/scopes.json``.
A program gets `tf`, an empty default graph `g` and a list `out` for what it wants to have compared. The
operations that it made, and an exception that it ended with, are compared too.
"""

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def names(items):
    return [item.name for item in items]


def observe(tf, name):
    """What a program did, as JSON."""
    graph = tf.Graph()
    out = []
    error = None
    with graph.as_default():
        try:
            CASES[name](tf, graph, out)
        except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as caught:
            error = [type(caught).__name__, str(caught).split("\n")[0]]
    ops = [
        [op.name, op.type, sorted(other.name for other in op.control_inputs), sorted(g.decode() for g in op.colocation_groups())]
        for op in graph.get_operations()
    ]
    return {"out": out, "ops": ops, "error": error}


def _run(tf, *fetches):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [session.run(fetch).tolist() for fetch in fetches]


# Name scopes and variable scopes.


@case
def name_scopes_nest_return_and_leave(tf, g, out):
    with tf.name_scope("a") as first:
        with tf.name_scope("b"), tf.name_scope(first) as again:
            out.append([again, tf.no_op().name])
        with tf.name_scope(None) as root:
            out.append([root, tf.no_op("x").name, g.get_name_scope() or ""])
    with tf.name_scope("A") as other:
        out.append(other)
    out.append([g.unique_name("a", mark_as_used=False), g.unique_name("a"), g.unique_name("a")])


@case
def a_name_scope_object_is_entered_again(tf, g, out):
    manager = tf.name_scope("again")
    for _ in range(2):
        with manager as scope:
            out.append([scope, tf.no_op().name])
    with manager as outer:
        with tf.name_scope("inner"), manager as inner:
            out.append([outer, inner])
        out.append(tf.no_op().name)


@case
def variable_scope_opens_both_scopes(tf, g, out):
    for _ in range(2):
        with tf.variable_scope("v") as scope:
            out.append([scope.name, scope.original_name_scope, tf.no_op().name])
    with tf.name_scope("n"), tf.variable_scope("w") as scope:
        out.append([scope.name, scope.original_name_scope])
        with tf.variable_scope("", auxiliary_name_scope=False) as empty:
            out.append([empty.name, empty.original_name_scope])


@case
def default_names_count_variable_scopes(tf, g, out):
    for _ in range(2):
        with tf.variable_scope("outer"):
            for _ in range(2):
                with tf.variable_scope(None, "layer") as scope:
                    out.append([scope.name, scope.original_name_scope])
    with tf.variable_scope("outer") as scope:
        pass
    with tf.variable_scope(scope), tf.variable_scope(None, "layer") as inner:
        out.append(inner.name)


@case
def a_scope_object_brings_its_path_and_settings(tf, g, out):
    with tf.variable_scope("a", initializer=tf.ones_initializer(), dtype=tf.float64, reuse=tf.AUTO_REUSE) as a:
        pass
    with tf.variable_scope("b"), tf.variable_scope(a, constraint=tf.abs) as again:
        out.append([again.name, again.dtype.name, again.reuse is tf.AUTO_REUSE, again.constraint is tf.abs])
        out.append(tf.get_variable("v", [2]).dtype.name)
        with tf.variable_scope("inner", dtype=tf.float16) as inner:
            out.append([inner.name, inner.dtype.name, inner.constraint is None, inner.initializer is a.initializer])


@case
def a_variable_scope_object_is_entered_again(tf, g, out):
    manager = tf.variable_scope(None, "m")
    for _ in range(2):
        with manager as scope:
            out.append([scope.name, scope.original_name_scope, tf.no_op().name])


@case
def settings_of_a_scope_can_be_set(tf, g, out):
    with tf.variable_scope("s") as scope:
        scope.set_initializer(tf.zeros_initializer())
        scope.set_dtype(tf.int64)
        scope.set_use_resource(True)
        with tf.variable_scope("inner") as inner:
            variable = tf.get_variable("v", [1])
            out.append([variable.dtype.name, variable.op.type, inner.use_resource])
        scope.reuse_variables()
        with tf.variable_scope("inner"):
            out.append(tf.get_variable("v", [1]) is variable)


@case
def improper_nesting_is_noticed(tf, g, out):
    first, second = tf.variable_scope("a"), tf.variable_scope("b")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)


# Sharing.


@case
def reuse_finds_and_auto_reuse_makes(tf, g, out):
    with tf.variable_scope("a"):
        v = tf.get_variable("v", [2], initializer=tf.zeros_initializer())
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        out.append([tf.get_variable("v", [2]) is v, tf.get_variable("w", [1], initializer=tf.ones_initializer()).name])
    with tf.variable_scope("a", reuse=True):
        out.append([tf.get_variable("v") is v, tf.get_variable("v", [None]) is v])


@case
def a_second_variable_of_a_key_is_refused(tf, g, out):
    tf.get_variable("v", [1])
    tf.get_variable("v", [1])


@case
def a_missing_variable_is_refused(tf, g, out):
    with tf.variable_scope("a", reuse=True):
        tf.get_variable("v", [1])


@case
def another_shape_is_refused(tf, g, out):
    tf.get_variable("v", [2, 3])
    with tf.variable_scope("", reuse=True):
        tf.get_variable("v", [3, 2])


@case
def another_type_is_refused(tf, g, out):
    tf.get_variable("v", [2, 3])
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        tf.get_variable("v", [2, 3], tf.float64)


@case
def a_default_name_cannot_reuse(tf, g, out):
    with tf.variable_scope(None, "d", reuse=tf.AUTO_REUSE):
        pass


@case
def reuse_has_three_values(tf, g, out):
    with tf.variable_scope("d", reuse="sometimes"):
        pass


@case
def an_initializer_needs_a_shape(tf, g, out):
    tf.get_variable("v", initializer=tf.zeros_initializer())


@case
def a_value_brings_its_shape(tf, g, out):
    tf.get_variable("v", [2], initializer=tf.constant([1.0, 2.0]))


@case
def a_value_brings_its_type(tf, g, out):
    tf.get_variable("v", dtype=tf.float64, initializer=tf.constant([1.0, 2.0]))


@case
def some_types_have_no_default_initializer(tf, g, out):
    tf.get_variable("v", [2], tf.complex64)


@case
def collections_are_a_list(tf, g, out):
    tf.Variable(1.0, collections="mine")


@case
def a_variable_needs_a_value(tf, g, out):
    tf.Variable()


@case
def a_variable_needs_a_shape(tf, g, out):
    tf.Variable(tf.placeholder(tf.float32, [None], name="p"))


@case
def a_failed_variable_is_not_stored(tf, g, out):
    def fail(shape, dtype, partition_info):
        raise KeyError("no value")

    try:
        tf.get_variable("v", [1], initializer=fail)
    except KeyError:
        out.append(tf.get_variable("v", [1], initializer=tf.zeros_initializer()).name)


@case
def local_variables_have_a_collection(tf, g, out):
    v = tf.get_local_variable("v", [1], initializer=tf.zeros_initializer(), collections=["mine"])
    out.append([v.trainable, names(tf.local_variables()), names(tf.global_variables()), names(tf.get_collection("mine"))])


@case
def collections_filter_by_the_start_of_names(tf, g, out):
    with tf.variable_scope("a") as a:
        tf.get_variable("x", [1], initializer=tf.zeros_initializer())
    with tf.variable_scope("ab"):
        tf.get_variable("x", [1], initializer=tf.zeros_initializer(), trainable=False)
    out.append([names(tf.global_variables("a")), names(a.global_variables()), names(tf.trainable_variables(".*x"))])


# What stands between.


@case
def custom_getters_compose(tf, g, out):
    def tagged(tag):
        def getter(getter, name, *args, **kwargs):
            out.append([tag, name, sorted(kwargs)])
            return getter(name + tag, *args, **kwargs)

        return getter

    with tf.variable_scope("a", custom_getter=tagged("o")), tf.variable_scope("b", custom_getter=tagged("i")):
        out.append(tf.get_variable("v", [1], initializer=tf.zeros_initializer()).name)
        out.append(tf.get_variable("w", [1], initializer=tf.zeros_initializer(), custom_getter=tagged("x")).name)


@case
def a_getter_may_return_anything(tf, g, out):
    with tf.variable_scope("a", custom_getter=lambda getter, *args, **kwargs: 2.0 * getter(*args, **kwargs)):
        out.append(tf.get_variable("v", [1], initializer=tf.zeros_initializer()).name)


@case
def a_getter_is_callable(tf, g, out):
    tf.get_variable("v", [1], custom_getter="no")


@case
def creators_see_every_new_variable(tf, g, out):
    def tagged(tag):
        def creator(next_creator, **kwargs):
            out.append([tag, kwargs["name"], kwargs["trainable"]])
            kwargs["trainable"] = False
            return next_creator(**kwargs)

        return creator

    with tf.variable_creator_scope(tagged("o")), tf.variable_creator_scope(tagged("i")):
        v = tf.get_variable("v", [1], initializer=tf.zeros_initializer())
        out.append([v.trainable, tf.Variable(1.0).trainable, names(tf.trainable_variables())])


@case
def regularizers_run_once_in_their_scope(tf, g, out):
    def regularizer(variable):
        out.append(variable.op.name)
        return tf.reduce_sum(variable)

    with tf.variable_scope("a", regularizer=regularizer, reuse=tf.AUTO_REUSE), tf.name_scope("n"):
        for _ in range(2):
            tf.get_variable("v", [1], initializer=tf.zeros_initializer())
        tf.get_variable("w", [1], initializer=tf.zeros_initializer(), regularizer=tf.no_regularizer)
    out.append(names(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)))


# The operations of variables.


@case
def reference_variable(tf, g, out):
    with tf.name_scope("n"), tf.control_dependencies([tf.no_op("before")]):
        v = tf.Variable(lambda: tf.constant([1.0, 2.0]), name="v")
        w = tf.Variable([1, 2], name="w", trainable=False)
        u = tf.get_variable("u", [2], initializer=tf.constant_initializer(3.0))
    out.append([v.name, v.dtype.name, w.dtype.name, v.value().name, v.initializer.name, v.initial_value.name, repr(v)])
    out.append([tf.convert_to_tensor(v).name, v.read_value().name, v.op.type, v.shape.as_list(), v.trainable, u.device])
    out.append(_run(tf, v + 1.0, 2 * w, u[0], -v))


@case
def assignments_to_a_reference(tf, g, out):
    v = tf.Variable([1.0, 2.0, 3.0])
    with tf.name_scope("n"):
        made = [v.assign([4.0, 5.0, 6.0]), tf.assign_add(v, [1.0, 1.0, 1.0], name="more"), v.assign_sub([1.0, 1.0, 1.0])]
        out.append([*names(made), v.assign([1.0, 2.0, 3.0], read_value=False).type])
        made.append(v[1:].assign([7.0, 8.0]))
        made.append(tf.scatter_add(v, [0, 0], [1.0, 1.0]))
        made.append(v.scatter_nd_update([[2]], [9.0]))
        made.append(v.scatter_sub(tf.IndexedSlices(tf.constant([1.0]), tf.constant([1]))))
    out.append(_run(tf, *made))


@case
def resource_variable(tf, g, out):
    with tf.name_scope("n"), tf.control_dependencies([tf.no_op("before")]):
        v = tf.Variable(lambda: tf.constant([1.0, 2.0]), name="v", use_resource=True)
        w = tf.get_variable("w", initializer=[1, 2], use_resource=True)
    out.append([v.name, v.dtype.name, w.dtype.name, v.op.type, v.initializer.name, repr(v), v.shape.as_list()])
    out.append([tf.convert_to_tensor(v).name, v.read_value().name, (v + 1.0).name, v.is_initialized().name])
    out.append([tf.gather(v, [1, 0]).name, tf.group(v.assign_add([1.0, 1.0])).name])
    out.append(_run(tf, v, w, tf.gather(v, [1, 0]), tf.gather_nd(w, [[1]])))


@case
def assignments_to_a_resource(tf, g, out):
    v = tf.Variable([1.0, 2.0, 3.0], use_resource=True)
    made = [v.assign([4.0, 5.0, 6.0]), v.assign_add([1.0, 1.0, 1.0]), v[0].assign(0.0), v[:2].assign([2.0, 1.0])]
    made.append(tf.scatter_mul(v, [2, 2], [2.0, 2.0]))
    made.append(v.scatter_nd_add([[0], [0]], [1.0, 1.0]))
    out.append([names(made), v.assign_sub([1.0, 1.0, 1.0], read_value=False).type])
    out.append(_run(tf, *made))


@case
def a_resource_refuses_another_shape(tf, g, out):
    tf.Variable([1.0, 2.0], use_resource=True).assign([1.0])


@case
def a_reference_refuses_another_shape(tf, g, out):
    tf.Variable([1.0, 2.0]).assign([1.0])


@case
def a_variable_is_of_its_type(tf, g, out):
    tf.Variable([1, 2]).assign_add([1.0, 2.0])


@case
def the_shape_may_be_open(tf, g, out):
    v = tf.Variable([1.0, 2.0], validate_shape=False)
    out.append([str(v.shape), _run(tf, tf.assign(v, [[1.0], [2.0]], validate_shape=False))])
    w = tf.Variable([1.0], use_resource=True, shape=tf.TensorShape([None]))
    out.append([w.shape.as_list(), w.assign([1.0, 2.0]).shape.as_list()])


@case
def initial_values_wait_for_other_variables(tf, g, out):
    v = tf.Variable([1.0, 2.0], name="v")
    w = tf.Variable(2.0 * v + 1.0, name="w")
    u = tf.Variable(v.initialized_value() * 2.0, name="u")
    r = tf.Variable(lambda: u + 1.0, name="r", use_resource=True)
    out.append(_run(tf, w, u, r))


@case
def initializers_and_reports(tf, g, out):
    v, w = tf.Variable([1.0]), tf.get_local_variable("w", [1], initializer=tf.zeros_initializer())
    report = tf.report_uninitialized_variables()
    checks = [tf.is_variable_initialized(v), tf.assert_variables_initialized([v, w])]
    inits = [tf.variables_initializer([v], name="mine"), tf.global_variables_initializer(), tf.local_variables_initializer()]
    out.append(names([report, *checks, *inits, tf.variables_initializer([]), tf.tables_initializer()]))
    with tf.Session() as session:
        out.append([name.decode() for name in session.run(report)])
        session.run(inits)
        out.append([session.run(report).tolist(), bool(session.run(checks[0])), session.run(checks[1]).tolist()])


@case
def counting_ends(tf, g, out):
    v = tf.Variable(0, name="count")
    r = tf.Variable(0, name="resource", use_resource=True)
    up = [v.count_up_to(2), tf.count_up_to(r, 2)]
    out.append(names(up))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        out.append([int(n) for n in session.run(up) + session.run(up)])
        for item in up:
            try:
                session.run(item)
            except tf.errors.OutOfRangeError as error:
                out.append(str(error.message).split("\n")[0][:18])


@case
def a_value_is_loaded(tf, g, out):
    v = tf.Variable([1.0, 2.0])
    r = tf.Variable([1.0, 2.0], use_resource=True)
    with tf.Session() as session:
        v.load([3.0, 4.0], session)
        r.load([5.0, 6.0], session)
        out.append([v.eval(session).tolist(), r.eval(session).tolist()])


@case
def gradients_reach_variables(tf, g, out):
    v = tf.get_variable("v", [2, 2], initializer=tf.ones_initializer())
    r = tf.get_variable("r", [3], initializer=tf.ones_initializer(), use_resource=True)
    loss = tf.reduce_sum(v * v) + tf.reduce_sum(tf.gather(r, [0, 0, 2]) * 2.0) + tf.reduce_sum(r)
    dv, dr = tf.gradients(loss, [v, r])
    out.append([dv.name, type(dr).__name__])
    out.append(_run(tf, dv, tf.convert_to_tensor(dr)))


# Partitions.


@case
def partitions_share_one_key(tf, g, out):
    cut = tf.fixed_size_partitioner(2)
    with tf.variable_scope("a", partitioner=cut) as scope:
        v = tf.get_variable("v", [5, 2], initializer=tf.ones_initializer())
        s = tf.get_variable("s", [], initializer=tf.zeros_initializer())
    out.append([v.name, names(v), [part.shape.as_list() for part in v], s.name, len(v), v.shape.as_list()])
    out.append([part._get_save_slice_info().spec for part in v])
    with tf.variable_scope(scope, reuse=True):
        out.append([tf.get_variable("v") is v, tf.get_variable("v/part_1") is list(v)[1]])
    total = tf.reduce_sum(v, name="total")
    up = tf.group(*v.assign_add(tf.ones([5, 2])))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(up)
        out.append(float(session.run(total)))


@case
def a_value_is_cut(tf, g, out):
    v = tf.get_variable("v", initializer=tf.constant([1.0, 2.0, 3.0]), partitioner=tf.fixed_size_partitioner(2))
    out.append([names(v), _run(tf, v.as_tensor())])


@case
def parts_are_told_where_they_are(tf, g, out):
    def initializer(shape, dtype, partition_info):
        out.append([shape, partition_info.full_shape, partition_info.var_offset, partition_info.single_offset(shape)])
        return tf.zeros(shape, dtype)

    tf.get_variable("v", [2, 5], initializer=initializer, partitioner=lambda shape, dtype: [1, 3])


@case
def partitioners_choose(tf, g, out):
    shape = tf.TensorShape([64, 3])
    for cut in (
        tf.fixed_size_partitioner(3), tf.fixed_size_partitioner(5, axis=1), tf.variable_axis_size_partitioner(100),
        tf.variable_axis_size_partitioner(100, max_shards=4), tf.min_max_variable_partitioner(8, min_slice_size=100),
    ):  # fmt: skip
        out.append([cut(shape=shape, dtype=tf.float32), cut(shape=shape, dtype=tf.string)])


@case
def one_axis_is_cut(tf, g, out):
    tf.get_variable("v", [4, 4], partitioner=lambda shape, dtype: [2, 2])


@case
def every_axis_has_a_count(tf, g, out):
    tf.get_variable("v", [4, 4], partitioner=lambda shape, dtype: [2])


@case
def partitions_must_agree(tf, g, out):
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(2))
        tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(4))


@case
def a_whole_variable_is_not_partitioned(tf, g, out):
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        tf.get_variable("v", [4])
        tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(2))


@case
def a_partitioned_variable_is_not_whole(tf, g, out):
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        tf.get_variable("v", [4], partitioner=tf.fixed_size_partitioner(2))
        tf.get_variable("v", [4])


@case
def partitioned_variables_of_old(tf, g, out):
    with tf.variable_scope("a"):
        parts = tf.create_partitioned_variables([4, 2], [2, 1], tf.ones_initializer())
        more = tf.create_partitioned_variables([4, 2], [1, 2], tf.zeros_initializer(), name="mine")
    out.append([names(parts), names(more)])


# Templates.


def _scale(tf):
    def scale(x, by=1.0):
        return x * tf.get_variable("w", [], initializer=tf.ones_initializer()) * by

    return scale


@case
def templates_share(tf, g, out):
    x = tf.placeholder(tf.float32, [], name="x")
    first = tf.make_template("scale", _scale(tf))
    now = tf.make_template("scale", _scale(tf), create_scope_now_=True, by=2.0)
    with tf.variable_scope("outer"):
        out.append(names([first(x), first(x), now(x)]))
    out.append([first.variable_scope.name, now.variable_scope.name, names(first.variables), names(now.trainable_variables)])
    out.append([first.name, first.variable_scope_name, names(first.global_variables), first.non_trainable_variables])


@case
def a_template_needs_a_name(tf, g, out):
    tf.make_template(None, _scale(tf))


@case
def a_template_makes_variables_once(tf, g, out):
    counter = []

    def grow(x):
        counter.append(x)
        return tf.get_variable(f"w{len(counter)}", [])

    template = tf.make_template("grow", grow)
    template(1)
    template(2)


@case
def a_template_wants_get_variable(tf, g, out):
    template = tf.make_template("fresh", lambda: tf.Variable(1.0))
    template()
    template()


@case
def templates_nest(tf, g, out):
    inner = tf.make_template("inner", _scale(tf))
    outer = tf.make_template("outer", lambda x: inner(x) + _scale(tf)(x))
    out.append(names([outer(1.0), outer(2.0), inner(3.0)]))
    out.append([names(inner.variables), names(outer.variables)])


@case
def a_value_of_another_graph_brings_it_along(tf, g, out):
    other = tf.Graph()
    with other.as_default():
        value = tf.constant([1.0, 2.0])
    for use_resource in (False, True):
        v = tf.Variable(value, use_resource=use_resource)
        out.append([v.graph is other, v in g.get_collection("variables"), v in other.get_collection("variables")])
