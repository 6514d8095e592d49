import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopert import nest

LEAVES = st.one_of(st.integers(), st.text(max_size=3), st.none())
STRUCTURES = st.recursive(
    LEAVES,
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=2), children, max_size=3),
    ),
    max_leaves=12,
)
Pair = collections.namedtuple("Pair", "a b")
OtherPair = collections.namedtuple("Pair", "a b")


class Composite:
    def __init__(self, *parts):
        self.parts = parts

    def _to_components(self):
        return self.parts

    def _from_components(self, parts):
        return Composite(*parts)


@given(STRUCTURES)
def test_packing_undoes_flattening(structure):
    leaves = nest.flatten(structure)
    assert nest.pack_sequence_as(structure, leaves) == structure
    assert nest.map_structure(lambda leaf: leaf, structure) == structure
    nest.assert_same_structure(structure, structure)


@given(STRUCTURES)
def test_paths_lead_to_the_leaves(structure):
    for path, leaf in nest.flatten_with_tuple_paths(structure):
        part = structure
        for key in path:
            part = part[key]
        assert part is leaf
    assert [leaf for _, leaf in nest.flatten_with_tuple_paths(structure)] == nest.flatten(structure)


@given(STRUCTURES)
def test_flattening_up_to_itself_gives_the_leaves(structure):
    assert nest.flatten_up_to(structure, structure) == nest.flatten(structure)
    assert nest.flatten_up_to(0, structure) == [structure]


def test_mappings_keep_their_own_order_but_fill_in_sorted_order():
    ordered = collections.OrderedDict([("b", 0), ("a", 0)])
    packed = nest.pack_sequence_as(ordered, [1, 2])
    assert list(packed.items()) == [("b", 2), ("a", 1)]
    default = collections.defaultdict(list, b=1)
    assert nest.map_structure(str, default).default_factory is list


def test_named_tuples_agree_by_name_and_fields():
    nest.assert_same_structure(Pair(1, 2), OtherPair(3, 4))
    with pytest.raises(TypeError, match="don't have the same sequence type"):
        nest.assert_same_structure(Pair(1, 2), (3, 4))
    nest.assert_same_structure(Pair(1, 2), (3, 4), check_types=False)


@pytest.mark.parametrize(
    ("a", "b", "kind", "text"),
    [
        ([1, 2], [1, 2, 3], ValueError, "the same number of elements"),
        ([1, [2]], [1, 2], ValueError, r'Substructure "type=list str=\[2\]" is a sequence'),
        ({"a": 1}, {"b": 1}, ValueError, "the same set of keys"),
        ([1], (1,), TypeError, r"Entire first structure:\n\[\.\]\nEntire second structure:\n\(\.,\)"),
    ],
)
def test_different_structures_are_told_apart(a, b, kind, text):
    with pytest.raises(kind, match=text):
        nest.assert_same_structure(a, b)
    with pytest.raises(kind, match=text):
        nest.map_structure(lambda x, y: None, a, b)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: nest.pack_sequence_as([1], [1, 2]), ValueError, "Structure had 1 elements"),
        (lambda: nest.pack_sequence_as(1, [1, 2]), ValueError, "Structure is a scalar"),
        (lambda: nest.pack_sequence_as([1], 1), TypeError, "must be a sequence"),
        (lambda: nest.flatten({1: 1, "a": 2}), TypeError, "sortable keys"),
        (lambda: nest.map_structure(1, [1]), TypeError, "callable"),
        (lambda: nest.map_structure(str), ValueError, "at least one structure"),
        (lambda: nest.map_structure(str, [1], foo=1), ValueError, "not: `foo`"),
        (lambda: nest.map_structure_up_to([1], str), ValueError, "no sequences"),
        (lambda: nest.flatten_up_to([1], 1), TypeError, "input must also be a sequence"),
        (lambda: nest.flatten_up_to([1], (1,)), TypeError, "the same sequence type"),
        (lambda: nest.flatten_up_to([1], [1, 2]), ValueError, "the same sequence length"),
        (lambda: nest.flatten_up_to([1, 2], [1], check_subtrees_length=False), ValueError, "fewer"),
        (lambda: nest.flatten_up_to({"a": 1}, {"b": 1}), ValueError, "not a subset"),
        (lambda: nest.flatten_dict_items([1]), TypeError, "must be a dictionary"),
        (lambda: nest.flatten_dict_items({(1, 2): (1,)}), ValueError, "Key had 2 elements"),
        (lambda: nest.flatten_dict_items({(1, 2): (1, 2), 1: 3}), ValueError, "not unique"),
        (lambda: nest.get_traverse_shallow_structure(lambda s: 3, [1]), TypeError, "non-bool scalar"),
        (lambda: nest.get_traverse_shallow_structure(lambda s: [3], [1]), TypeError, "depth=1"),
        (lambda: nest.get_traverse_shallow_structure(lambda s: [1], 1), TypeError, "non-structure"),
    ],
)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_a_composite_is_a_leaf_unless_it_is_to_be_expanded():
    structure = [Composite(1, 2), 3]
    assert nest.flatten(structure)[0] is structure[0]
    assert nest.flatten(structure, expand_composites=True) == [1, 2, 3]
    doubled = nest.map_structure(lambda x: 2 * x, structure, expand_composites=True)
    assert doubled[0].parts == (2, 4)
    assert doubled[1] == 6


def test_mapping_with_paths():
    seen = nest.map_structure_with_paths(lambda path, x: f"{path}={x}", {"a": [1, 2]})
    assert seen == {"a": ["a/0=1", "a/1=2"]}
    parts = nest.map_structure_with_tuple_paths_up_to({"a": 0}, lambda p, x: (p, x), {"a": [1]})
    assert parts == {"a": (("a",), [1])}


def test_traversing_stops_where_it_is_told_to():
    shallow = nest.get_traverse_shallow_structure(lambda s: not isinstance(s, tuple), [(1, 2), [3]])
    assert shallow == [False, [True]]
    structure = [1, [2]]
    shallow = nest.get_traverse_shallow_structure(lambda s: s is not structure or [True, False], structure)
    assert shallow == [True, False]
