"""Names of devices: `DeviceSpec` takes them apart, `merge_device` combines those of nested scopes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from scopert.public import public

Parts: TypeAlias = tuple[str | None, int | None, int | None, str | None, int | None]
"""Job, replica, task, device type and device index."""


@public("DeviceSpec")
class DeviceSpec:
    """The name of a device, of which any part may be left open.

    Parameters
    ----------
    job : str, optional
        The job of a cluster.
    replica, task : int, optional
        The replica and the task of the job.
    device_type : str, optional
        E.g. ``"CPU"`` or ``"GPU"``.
    device_index : int, optional
        Which of the devices of that type.

    Examples
    --------
    >>> from scopert.graph.device import DeviceSpec
    >>> DeviceSpec.from_string("/job:worker/gpu:1").to_string()
    '/job:worker/device:GPU:1'
    """

    __slots__ = ("_device_index", "_device_type", "_job", "_replica", "_task")

    def __init__(
        self,
        job: Any = None,
        replica: Any = None,
        task: Any = None,
        device_type: Any = None,
        device_index: Any = None,
    ) -> None:
        self.job = job
        self.replica = replica
        self.task = task
        self.device_type = device_type
        self.device_index = device_index

    @property
    def job(self) -> str | None:
        """The job of a cluster."""
        return self._job

    @job.setter
    def job(self, value: Any) -> None:
        self._job = None if value is None else str(value)

    @property
    def replica(self) -> int | None:
        """The replica of the job."""
        return self._replica

    @replica.setter
    def replica(self, value: Any) -> None:
        self._replica = None if value is None else int(value)

    @property
    def task(self) -> int | None:
        """The task of the job."""
        return self._task

    @task.setter
    def task(self, value: Any) -> None:
        self._task = None if value is None else int(value)

    @property
    def device_type(self) -> str | None:
        """The kind of device, e.g. ``"CPU"``."""
        return self._device_type

    @device_type.setter
    def device_type(self, value: Any) -> None:
        name = None if value is None else str(value)
        self._device_type = name.upper() if name in ("cpu", "gpu") else name

    @property
    def device_index(self) -> int | None:
        """Which of the devices of that type."""
        return self._device_index

    @device_index.setter
    def device_index(self, value: Any) -> None:
        self._device_index = None if value is None else int(value)

    @classmethod
    def from_string(cls, spec: str | None) -> DeviceSpec:
        """Return the spec that a name such as ``/job:ps/task:0/device:GPU:1`` or ``/gpu:1`` stands for.

        Raises
        ------
        ValueError
            If the name has a part that is not known, or two device types.
        """
        return cls(*_parse(spec or ""))

    def parse_from_string(self, spec: str | None) -> DeviceSpec:
        """Set all parts from a name, and return this object."""
        self.job, self.replica, self.task, self.device_type, self.device_index = _parse(spec or "")
        return self

    def to_string(self) -> str:
        """Return the canonical name, e.g. ``/job:ps/task:0/device:GPU:1``."""
        return _name(self._parts())

    def _parts(self) -> Parts:
        return self._job, self._replica, self._task, self._device_type, self._device_index

    def make_merged_spec(self, dev: DeviceSpec) -> DeviceSpec:
        """Return a spec with the parts of `dev`, and where that leaves them open, those of this one."""
        return type(self)(*_merge(self._parts(), dev._parts()))

    def merge_from(self, dev: DeviceSpec) -> None:
        """Take over the parts that `dev` has."""
        merged = _merge(self._parts(), dev._parts())
        self.job, self.replica, self.task, self.device_type, self.device_index = merged

    def replace(self, **kwargs: Any) -> DeviceSpec:
        """Return a spec that differs in the parts given by name."""
        names = ("job", "replica", "task", "device_type", "device_index")
        return type(self)(**(dict(zip(names, self._parts(), strict=True)) | kwargs))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceSpec) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"DeviceSpec({self.to_string()!r})"


def _merge(outer: Parts, inner: Parts) -> Parts:
    job, replica, task, kind, index = (a if b is None else b for a, b in zip(outer, inner, strict=True))
    return job, replica, task, kind, index  # type: ignore[return-value]


@lru_cache(maxsize=4096)
def _parse(spec: str) -> Parts:
    job: str | None = None
    kind: str | None = None
    numbers: dict[str, int] = {}
    for part in spec.split("/"):
        key, *rest = part.split(":")
        if key == "job" and len(rest) == 1:
            job = rest[0]
        elif key in ("replica", "task") and len(rest) == 1:
            numbers[key] = int(rest[0])
        elif (key == "device" and len(rest) == 2) or (key.upper() in ("CPU", "GPU") and len(rest) < 2):
            if kind is not None:
                raise ValueError(f"Cannot specify multiple device types: {spec}")
            kind = rest[0] if key == "device" else key.upper()
            if rest and rest[-1] != "*":
                numbers["index"] = int(rest[-1])
        elif key:
            raise ValueError(f"Unknown attribute: '{key}' in '{spec}'")
    return job, numbers.get("replica"), numbers.get("task"), kind, numbers.get("index")


@lru_cache(maxsize=4096)
def _name(parts: Parts) -> str:
    job, replica, task, kind, index = parts
    name = "" if job is None else f"/job:{job}"
    if replica is not None:
        name += f"/replica:{replica}"
    if task is not None:
        name += f"/task:{task}"
    if kind is not None:
        name += f"/device:{kind}:{'*' if index is None else index}"
    return name


def canonical_name(device: str | DeviceSpec | None) -> str:
    """Return the full form of a device's name: ``/device:CPU:0`` for ``/cpu:0``, empty for None."""
    if isinstance(device, DeviceSpec):
        return device.to_string()
    return _name(DeviceSpec(*_parse(device))._parts()) if device else ""


@lru_cache(maxsize=4096)
def merge_names(outer: str, inner: str) -> str:
    """Return the canonical name with the parts of `inner`, and where it has none, those of `outer`."""
    return DeviceSpec.from_string(outer).make_merged_spec(DeviceSpec.from_string(inner)).to_string()


class MergeDevice:
    """A device function: gives an operation the parts of a name that it does not have yet."""

    __slots__ = ("name",)

    def __init__(self, spec: str | DeviceSpec | None) -> None:
        self.name = canonical_name(spec)

    def __call__(self, op: Any) -> str:
        return merge_names(self.name, op.device or "")

    def __repr__(self) -> str:
        return f"MergeDevice({self.name!r})"


DeviceFunction: TypeAlias = Callable[[Any], "str | DeviceSpec | None"]


def merge_device(spec: str | DeviceSpec | MergeDevice | None) -> MergeDevice:
    """Return the device function of a scope ``with tf.device(spec):``; inner scopes go first.

    Raises
    ------
    ValueError
        If the name is not valid.
    """
    return spec if isinstance(spec, MergeDevice) else MergeDevice(spec)
