"""Options of sessions and runs: `ConfigProto`, `RunOptions` and what belongs to them.

Fields with an effect:

- ``ConfigProto``: `backend` (not in TensorFlow: the name of a backend, see `scopert.backend_report`),
  `device_count` (``{"GPU": 0}`` keeps to the CPU), `allow_soft_placement`,
  `log_device_placement`, `operation_timeout_in_ms`, `gpu_options` (see `GPUOptions`),
  ``graph_options.place_pruned_graph``;
- ``RunOptions``: `timeout_in_ms`, `trace_level` (fills ``RunMetadata.step_stats``), `inter_op_thread_pool`
  (checked only).

Fields that only tune TensorFlow's own machinery (numbers of threads, memory fractions, the graph
rewriter) are accepted and have no effect: results do not depend on them. Those that ask for something
that does not exist here are named in an error; see `unsupported`.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from scopert.public import public
from scopert.runtime.messages import Message


@public("GPUOptions")
class GPUOptions(Message):
    """How a GPU is used.

    `visible_device_list` says which one, `per_process_gpu_memory_fraction` how much of its memory this process may
    take; it is taken as needed, as with `allow_growth`. Another `allocator_type` than BFC, and unified memory, are
    refused. The other fields only tune TensorFlow's own machinery.
    """

    class Experimental(Message):
        """Accepted, without effect."""

        FIELDS: ClassVar[dict[str, Any]] = {
            "use_unified_memory": bool, "num_dev_to_dev_copy_streams": int, "collective_ring_order": str,
            "timestamped_allocator": bool, "kernel_tracker_max_interval": int, "kernel_tracker_max_bytes": int,
            "kernel_tracker_max_pending": int,
        }  # fmt: skip

    FIELDS: ClassVar[dict[str, Any]] = {
        "per_process_gpu_memory_fraction": float, "allow_growth": bool, "allocator_type": str,
        "deferred_deletion_bytes": int, "visible_device_list": str, "polling_active_delay_usecs": int,
        "polling_inactive_delay_msecs": int, "force_gpu_compatible": bool, "experimental": Experimental,
    }  # fmt: skip


@public("OptimizerOptions")
class OptimizerOptions(Message):
    """How a graph is optimized: `opt_level` L0 runs it as it stands, `global_jit_level` OFF fuses no loops.

    The other fields have no effect.
    """

    L1, L0 = 0, -1
    DEFAULT, OFF, ON_1, ON_2 = 0, -1, 1, 2
    FIELDS: ClassVar[dict[str, Any]] = {
        "do_common_subexpression_elimination": bool, "do_constant_folding": bool,
        "max_folded_constant_in_bytes": int, "do_function_inlining": bool, "opt_level": int, "global_jit_level": int,
    }  # fmt: skip


class RewriterConfig(Message):
    """TensorFlow's graph rewriter; accepted, results do not depend on it."""

    DEFAULT, ON, OFF, AGGRESSIVE = 0, 1, 2, 3
    DEFAULT_NUM_ITERS, ONE, TWO = 0, 1, 2
    DEFAULT_MEM_OPT, NO_MEM_OPT, MANUAL, HEURISTICS = 0, 1, 2, 3
    SWAPPING_HEURISTICS, RECOMPUTATION_HEURISTICS, SCHEDULING_HEURISTICS = 4, 5, 6
    FIELDS: ClassVar[dict[str, Any]] = {
        "layout_optimizer": int, "constant_folding": int, "shape_optimization": int, "remapping": int,
        "arithmetic_optimization": int, "dependency_optimization": int, "loop_optimization": int,
        "function_optimization": int, "debug_stripper": int, "disable_model_pruning": bool,
        "scoped_allocator_optimization": int, "pin_to_host_optimization": int, "implementation_selector": int,
        "auto_mixed_precision": int, "disable_meta_optimizer": bool, "meta_optimizer_iterations": int,
        "min_graph_nodes": int, "memory_optimization": int, "memory_optimizer_target_node_name_scope": str,
        "meta_optimizer_timeout_ms": int, "fail_on_optimizer_errors": bool, "optimizers": [str],
    }  # fmt: skip


@public("GraphOptions")
class GraphOptions(Message):
    """How a graph is prepared; `place_pruned_graph` is honoured, the rest accepted."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "enable_recv_scheduling": bool, "optimizer_options": OptimizerOptions, "build_cost_model": int,
        "build_cost_model_after": int, "infer_shapes": bool, "place_pruned_graph": bool,
        "enable_bfloat16_sendrecv": bool, "timeline_step": int, "rewrite_options": RewriterConfig,
    }  # fmt: skip


class ThreadPoolOptionProto(Message):
    """A pool of threads that a run may name; runs use the caller's thread."""

    FIELDS: ClassVar[dict[str, Any]] = {"num_threads": int, "global_name": str}


class RPCOptions(Message):
    """For remote sessions, which do not exist here."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "use_rpc_for_inprocess_master": bool, "compression_algorithm": str, "compression_level": int,
        "cache_rpc_response": bool, "disable_session_connection_sharing": bool,
    }  # fmt: skip


class JobDef(Message):
    """A job of a cluster."""

    FIELDS: ClassVar[dict[str, Any]] = {"name": str, "tasks": {int: str}}


class ClusterDef(Message):
    """The jobs of a cluster."""

    FIELDS: ClassVar[dict[str, Any]] = {"job": [JobDef]}


@public("ConfigProto")
class ConfigProto(Message):
    """Options of a session; the module's text says which have an effect.

    Raises
    ------
    ValueError
        For a field that it does not have, given to the constructor.
    AttributeError
        For one that is set later.
    TypeError
        For a value of a wrong type.

    Examples
    --------
    >>> import scopert as tf
    >>> config = tf.ConfigProto(allow_soft_placement=True)
    >>> config.gpu_options.allow_growth = True
    >>> print(config, end="")
    gpu_options {
      allow_growth: true
    }
    allow_soft_placement: true
    """

    class Experimental(Message):
        """Options of TensorFlow's executor."""

        FIELDS: ClassVar[dict[str, Any]] = {
            "collective_group_leader": str, "executor_type": str, "recv_buf_max_chunk": int,
            "use_numa_affinity": bool, "collective_deterministic_sequential_execution": bool,
            "collective_nccl": bool, "share_session_state_in_clusterspec_propagation": bool,
            "disable_thread_spinning": bool, "share_cluster_devices_in_session": bool,
            "optimize_for_static_graph": bool,
        }  # fmt: skip

    FIELDS: ClassVar[dict[str, Any]] = {
        "device_count": {str: int}, "intra_op_parallelism_threads": int, "inter_op_parallelism_threads": int,
        "use_per_session_threads": bool, "session_inter_op_thread_pool": [ThreadPoolOptionProto],
        "placement_period": int, "device_filters": [str], "gpu_options": GPUOptions,
        "allow_soft_placement": bool, "log_device_placement": bool, "graph_options": GraphOptions,
        "operation_timeout_in_ms": int, "rpc_options": RPCOptions, "cluster_def": ClusterDef,
        "isolate_session_state": bool, "experimental": Experimental, "backend": str,
    }  # fmt: skip


class DebugTensorWatch(Message):
    """A tensor that TensorFlow's debugger would watch."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "node_name": str, "output_slot": int, "debug_ops": [str], "debug_urls": [str],
        "tolerate_debug_op_creation_failures": bool,
    }  # fmt: skip


class DebugOptions(Message):
    """For TensorFlow's debugger, which does not exist here."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "debug_tensor_watch_opts": [DebugTensorWatch], "global_step": int, "reset_disk_byte_usage": bool,
    }  # fmt: skip


@public("RunOptions")
class RunOptions(Message):
    """Options of one run; the module's text says which have an effect."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)

    class Experimental(Message):
        """Accepted, without effect."""

        FIELDS: ClassVar[dict[str, Any]] = {"collective_graph_key": int, "use_run_handler_pool": bool}

    FIELDS: ClassVar[dict[str, Any]] = {
        "trace_level": int, "timeout_in_ms": int, "inter_op_thread_pool": int, "output_partition_graphs": bool,
        "debug_options": DebugOptions, "report_tensor_allocations_upon_oom": bool, "experimental": Experimental,
    }  # fmt: skip


class NodeExecStats(Message):
    """When one operation ran, in microseconds since the epoch, and how long; `op_nanos` is not in TensorFlow 1."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "node_name": str, "all_start_micros": int, "op_start_rel_micros": int, "op_end_rel_micros": int,
        "all_end_rel_micros": int, "timeline_label": str, "op_nanos": int,
    }  # fmt: skip


class DeviceStepStats(Message):
    """The operations that ran on one device."""

    FIELDS: ClassVar[dict[str, Any]] = {"device": str, "node_stats": [NodeExecStats]}


class StepRecord(NamedTuple):
    """One step of a traced run: the operation's name, its type, and how long it took."""

    name: str
    op: str
    seconds: float


class StepStats(Message):
    """The operations that ran in one run."""

    FIELDS: ClassVar[dict[str, Any]] = {"dev_stats": [DeviceStepStats]}


@public("RunMetadata")
class RunMetadata(Message):
    """What a run tells about itself: `step_stats`, if `RunOptions.trace_level` asks for it."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "step_stats": StepStats, "partition_graphs": [Message], "function_graphs": [Message],
    }  # fmt: skip

    @property
    def steps(self) -> list[StepRecord]:
        """The steps of `step_stats` as plain records (not in TensorFlow)."""
        return [
            StepRecord(node.node_name, node.timeline_label, node.op_nanos * 1e-9)
            for device in self.step_stats.dev_stats
            for node in device.node_stats
        ]


class CallableOptions(Message):
    """What a callable made once feeds, fetches and runs, by name."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "feed": [str], "fetch": [str], "target": [str], "run_options": RunOptions, "fetch_skip_sync": bool,
    }  # fmt: skip


def unsupported(config: ConfigProto) -> str | None:
    """What a configuration asks for that does not exist here, or None."""
    if config.cluster_def.job:
        return "ConfigProto.cluster_def: sessions run in this process only"
    if config.experimental.executor_type not in ("", "DEFAULT"):
        return f"ConfigProto.experimental.executor_type {config.experimental.executor_type!r}: there is one executor"
    return None


def unsupported_run(options: RunOptions) -> str | None:
    """What options of a run ask for that does not exist here, or None."""
    if options.debug_options.debug_tensor_watch_opts:
        return "RunOptions.debug_options: there is no tfdbg"
    if options.output_partition_graphs:
        return "RunOptions.output_partition_graphs: graphs are not partitioned; print the session's program instead"
    return None
