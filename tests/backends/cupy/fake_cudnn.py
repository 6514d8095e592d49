"""A stand-in for cuDNN's front end, over host memory: it takes the calls that are made of it, and is strict about them.

It rebuilds the operation from what the graph was told and has the host device compute it, so that a tensor under a
wrong number, a stride of another tensor or a forgotten output shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np
from scopert_cupy.host import operations
from scopert_cupy.operation import Attention, AttentionGradient, Convolution, Tensor


class data_type(Enum):
    NOT_SET, HALF, BFLOAT16, FLOAT = "", "float16", "bfloat16", "float32"


class heur_mode(Enum):
    A, FALLBACK = range(2)


class diagonal_alignment(Enum):
    TOP_LEFT, BOTTOM_RIGHT = range(2)


numerical_note = Enum(
    "numerical_note",
    "TENSOR_CORE DOWN_CONVERT_INPUTS REDUCED_PRECISION_REDUCTION FFT NONDETERMINISTIC WINOGRAD WINOGRAD_TILE_4x4 "
    "WINOGRAD_TILE_6x6 WINOGRAD_TILE_13x13 STRICT_NAN_PROP",
)


class cudnnGraphNotSupportedError(RuntimeError):
    """As the front end's."""


class FakeTensor:
    """A tensor of a graph."""

    def __init__(self, kind: str, uid: int = -1) -> None:
        self.kind, self.uid = kind, uid
        self.dim: list[int] | None = None
        self.stride: list[int] | None = None
        self.data_type = data_type.NOT_SET
        self.is_output = False

    def set_output(self, value: bool) -> FakeTensor:
        self.is_output = value
        return self

    def set_uid(self, uid: int) -> FakeTensor:
        self.uid = uid
        return self

    def set_dim(self, dim: list[int]) -> FakeTensor:
        assert type(dim) is list
        self.dim = dim
        return self

    def set_stride(self, stride: list[int]) -> FakeTensor:
        assert type(stride) is list
        self.stride = stride
        return self

    def set_data_type(self, dtype: data_type) -> FakeTensor:
        self.data_type = dtype
        return self

    def described(self) -> Tensor:
        assert self.dim, f"{self.kind} has no dimensions"
        assert self.stride, f"{self.kind} has no strides"
        assert all(type(n) is int for n in (*self.dim, *self.stride))
        assert self.data_type is not data_type.NOT_SET
        return Tensor(tuple(self.dim), tuple(self.stride), self.data_type.value)


class Plan(SimpleNamespace):
    """A plan that the front end proposes: its `name`, `notes`, `workspace`, and whether it `builds` and `runs`."""

    def __init__(
        self, name: str, notes: Sequence[str] = (), workspace: int = 0, builds: bool = True, runs: bool = True
    ) -> None:
        super().__init__(
            name=name, notes={numerical_note[n] for n in notes}, workspace=workspace, builds=builds, runs=runs
        )


class FakeCudnn:
    """The module.

    Attributes
    ----------
    plans : list of Plan
        What it proposes for every graph.
    refuses : callable
        Operations that it has no plan for.
    built, ran : list of str
        Names of plans, in the order of the calls.
    """

    data_type, heur_mode, numerical_note = data_type, heur_mode, numerical_note
    diagonal_alignment = diagonal_alignment
    cudnnGraphNotSupportedError = cudnnGraphNotSupportedError
    __version__ = "1.27.0"

    def __init__(self) -> None:
        self.plans = [Plan("eng1_k2=0"), Plan("eng0")]
        self.refuses: Callable[[Any], bool] = lambda operation: False
        self.built: list[str] = []
        self.ran: list[str] = []
        self.handles: dict[int, Any] = {}
        self.launch: Callable[[Callable[[], None]], None] = lambda work: work()

    def backend_version(self) -> int:
        return 92801

    def backend_version_string(self) -> str:
        return "9.28.1"

    def create_handle(self) -> int:
        self.handles[len(self.handles) + 1] = None
        return len(self.handles)

    def destroy_handle(self, handle: int) -> None:
        del self.handles[handle]

    def set_stream(self, *, handle: int, stream: int) -> None:
        self.handles[handle] = stream

    def pygraph(self, **options: Any) -> Graph:
        return Graph(self, **options)


class Graph:
    """A graph of one operation."""

    def __init__(
        self, module: FakeCudnn, *, io_data_type: data_type, intermediate_data_type: data_type,
        compute_data_type: data_type, handle: int,
    ) -> None:  # fmt: skip
        assert handle in module.handles
        assert compute_data_type is intermediate_data_type is data_type.FLOAT
        self.module, self.io, self.state = module, io_data_type, "open"
        self.nodes: list[tuple[str, dict[str, Any]]] = []
        self.tensors: list[FakeTensor] = []
        self.barred: set[int] = set()
        self.limit = 1 << 60
        self.ready: set[int] = set()

    def _made(self, kind: str, **given: Any) -> FakeTensor:
        assert self.state == "open"
        self.nodes.append((kind, given))
        self.tensors.append(FakeTensor(kind))
        return self.tensors[-1]

    def tensor(self, *, name: str, dim: list[int], stride: list[int], data_type: data_type, uid: int) -> FakeTensor:
        made = FakeTensor(name, uid).set_dim(dim).set_stride(stride).set_data_type(data_type)
        self.tensors.append(made)
        return made

    def conv_fprop(
        self, *, image: Any, weight: Any, pre_padding: Any, post_padding: Any, stride: Any, dilation: Any
    ) -> FakeTensor:
        return self._made("forward", image=image, filter=weight, geometry=(stride, dilation, pre_padding, post_padding))

    def conv_dgrad(
        self, *, loss: Any, filter: Any, pre_padding: Any, post_padding: Any, stride: Any, dilation: Any
    ) -> FakeTensor:
        return self._made("input", out=loss, filter=filter, geometry=(stride, dilation, pre_padding, post_padding))

    def conv_wgrad(
        self, *, image: Any, loss: Any, pre_padding: Any, post_padding: Any, stride: Any, dilation: Any
    ) -> FakeTensor:
        return self._made("filter", image=image, out=loss, geometry=(stride, dilation, pre_padding, post_padding))

    def bias(self, *, input: FakeTensor, bias: FakeTensor) -> FakeTensor:
        return self._made("bias", input=input, bias=bias)

    def relu(self, *, input: FakeTensor) -> FakeTensor:
        return self._made("relu", input=input)

    def sdpa(
        self, *, q: Any, k: Any, v: Any, generate_stats: bool, attn_scale: float, bias: Any = None,
        diagonal_alignment: Any = None, diagonal_band_right_bound: Any = None,
    ) -> tuple[FakeTensor, FakeTensor | None]:  # fmt: skip
        o, stats = FakeTensor("o"), FakeTensor("stats") if generate_stats else None
        self._attends(
            "sdpa",
            attn_scale,
            diagonal_alignment,
            diagonal_band_right_bound,
            q=q,
            k=k,
            v=v,
            bias=bias,
            o=o,
            stats=stats,
        )
        return o, stats

    def sdpa_backward(
        self, *, q: Any, k: Any, v: Any, o: Any, dO: Any, stats: Any, attn_scale: float, use_deterministic_algorithm: bool,
        bias: Any = None, diagonal_alignment: Any = None, diagonal_band_right_bound: Any = None,
    ) -> list[FakeTensor]:  # fmt: skip
        assert use_deterministic_algorithm
        made = [FakeTensor(name) for name in ("dq", "dk", "dv")]
        self._attends(
            "sdpa_backward", attn_scale, diagonal_alignment, diagonal_band_right_bound, q=q, k=k, v=v, bias=bias, o=o, do=dO,
            stats=stats, **{tensor.kind: tensor for tensor in made},
        )  # fmt: skip
        return made

    def _attends(self, kind: str, scale: float, alignment: Any, bound: Any, **named: FakeTensor | None) -> None:
        assert self.state == "open"
        assert (alignment, bound) in [(None, None), (diagonal_alignment.TOP_LEFT, 0)]
        assert self.io in (data_type.HALF, data_type.BFLOAT16)
        self.nodes.append((kind, {"named": named, "scale": scale, "causal": bound == 0}))
        self.tensors += [tensor for tensor in named.values() if tensor is not None and tensor not in self.tensors]

    # Planning.

    def validate(self) -> None:
        assert self.state == "open"
        uids = [t.uid for t in self.tensors if t.is_output or t.dim]
        assert len(set(uids)) == len(uids), f"two tensors have one number: {uids}"
        self.state = "valid"

    def build_operation_graph(self) -> None:
        assert self.state == "valid"
        self.operation = self._operation()
        self.state = "graph"

    def create_execution_plans(self, modes: list[heur_mode]) -> None:
        assert self.state == "graph"
        assert modes == [heur_mode.A, heur_mode.FALLBACK]
        if self.module.refuses(self.operation):
            raise cudnnGraphNotSupportedError("no plan")
        self.state = "planned"

    def deselect_numeric_notes(self, notes: list[Any]) -> None:
        assert self.state == "planned"
        self.barred |= {k for k, plan in enumerate(self.module.plans) if plan.notes & set(notes)}

    def deselect_workspace_greater_than(self, limit: int) -> None:
        self.limit = limit

    def get_execution_plan_count(self) -> int:
        assert self.state == "planned"
        return len(self.module.plans)

    def get_plan_name_at_index(self, index: int) -> str:
        return str(self.module.plans[index].name)

    def build_plan_at_index(self, index: int) -> None:
        plan = self.module.plans[index]
        if index in self.barred:
            raise ValueError("excluded by a note filter")
        if plan.workspace > self.limit or not plan.builds:
            raise cudnnGraphNotSupportedError("not on this card")
        self.ready.add(index)
        self.module.built.append(plan.name)

    def get_workspace_size_plan_at_index(self, index: int) -> int:
        return int(self.module.plans[index].workspace)

    def execute_plan_at_index(self, addresses: dict[int, int], workspace: int, index: int, *, handle: int) -> None:
        assert index in self.ready, "a plan that was not built"
        assert self.module.handles[handle] is not None, "no stream was set"
        assert all(type(n) is int for n in (*addresses, *addresses.values(), workspace))
        plan = self.module.plans[index]
        if not plan.runs:
            raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED")
        assert workspace or not plan.workspace
        operands = [addresses[number] for number in sorted(addresses)]
        assert sorted(addresses) == list(range(1, len(self.operation.tensors) + 1))

        def work() -> None:
            self.module.ran.append(plan.name)
            operations.run(operations.plan(self.operation), operands, lambda address, nbytes: None)

        self.module.launch(work)

    # What it was told.

    def _operation(self) -> Any:
        made = self._attention() if self.nodes[0][0] in ("sdpa", "sdpa_backward") else self._convolution()
        numbers = {name: number for number, name in enumerate(made.tensors, 1)}
        for name, tensor in self.named.items():
            assert tensor.uid == numbers[name], f"{name} is number {tensor.uid}, not {numbers[name]}"
            assert tensor.described() == made.tensors[name]
            assert tensor.is_output == (name in made.made)
        assert set(self.named) == set(numbers)
        return made

    def _convolution(self) -> Convolution:
        kind, given = self.nodes[0]
        named = {name: tensor for name, tensor in given.items() if name != "geometry"}
        last = self.tensors[-1]
        for node, more in self.nodes[1:]:
            named |= {name: tensor for name, tensor in more.items() if name != "input"}
            assert node in ("bias", "relu")
        kinds = [node for node, _ in self.nodes[1:]]
        assert kinds in ([], ["bias"], ["relu"], ["bias", "relu"])
        named[{"forward": "out", "input": "image", "filter": "filter"}[kind]] = last
        self.named = named
        image, kernel, out = (named[name].described() for name in ("image", "filter", "out"))
        assert all(type(n) is list for n in given["geometry"])
        geometry = [tuple(numbers) for numbers in given["geometry"]]
        activation = "relu" if "relu" in kinds else ""
        # What numbers are rounded to is a matter of plans: the host need not be told.
        return Convolution(kind, image, kernel, out, *geometry, "float32", "bias" in kinds, activation)  # type: ignore[arg-type]

    def _attention(self) -> Attention | AttentionGradient:
        ((kind, given),) = self.nodes
        self.named = {name: tensor for name, tensor in given["named"].items() if tensor is not None}
        found = {name: tensor.described() for name, tensor in self.named.items()}
        forward = Attention(
            *[found[name] for name in ("q", "k", "v", "o")], given["scale"], given["causal"], found.get("bias"),
            kind == "sdpa_backward" or "stats" in found,
        )  # fmt: skip
        if kind == "sdpa":
            return forward
        return AttentionGradient(forward, *[found[name] for name in ("do", "dq", "dk", "dv")])


def memory(device: Any, values: Any) -> Any:
    """An allocation that holds an array."""
    contiguous = np.ascontiguousarray(values)
    made = device.allocate(contiguous.nbytes)
    device.copy_in(made.address, contiguous, contiguous.nbytes)
    device.synchronize()
    return made
