"""The workloads on PyTorch: `torch.compile`, fused optimizers, its own attention."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from card.workloads import Data, Program, Sizes, Workload, probe

#: How `torch.compile` is asked to work (option ``--torch-mode``).
MODE = "SCOPERT_BENCH_TORCH_MODE"


def prepare(workload: Workload) -> None:
    """Settings of the process."""
    import torch

    torch.set_float32_matmul_precision("high" if workload.precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = workload.precision == "tf32"
    torch.backends.cudnn.benchmark = True


class _Torch:
    """The library, the device, and how a workload computes."""

    def __init__(self, workload: Workload) -> None:
        import torch

        self.torch, self.workload = torch, workload
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.half = torch.bfloat16 if workload.precision == "bf16" else torch.float32

    def put(self, array: Any, dtype: Any = None) -> Any:
        return self.torch.from_numpy(array).to(self.device, dtype)

    def params(self, arrays: dict[str, Any]) -> dict[str, Any]:
        return {name: self.put(array).requires_grad_() for name, array in arrays.items()}

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        torch = self.torch
        mode = os.environ.get(MODE, "reduce-overhead") if self.device == "cuda" else "default"
        return torch.compile(function, mode=mode, dynamic=False)

    def wait(self) -> None:
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def autocast(self) -> Any:
        if self.half is self.torch.float32:
            return nullcontext()
        return self.torch.autocast(self.device, dtype=self.half)

    def fused(self) -> dict[str, Any]:
        """Options of an optimizer: one kernel for all parameters, part of a graph."""
        return {"fused": True, "capturable": True} if self.device == "cuda" else {}

    def training(self, loss: Callable[[], Any], optimizer: Any) -> Program:
        """A step of an optimizer; forward and backward are compiled, and so is the optimizer."""
        torch = self.torch
        forward, update = self.compiled(loss), self.update(optimizer)

        def run() -> None:
            torch.compiler.cudagraph_mark_step_begin()
            forward().backward()
            update()
            optimizer.zero_grad(set_to_none=True)

        def check() -> list[float]:
            with torch.no_grad():
                return probe(loss().float().cpu().numpy())

        return Program(run, self.wait, check)

    def update(self, optimizer: Any) -> Callable[[], None]:
        """The optimizer's step: compiled, or as it is where it cannot be compiled."""
        chosen = [self.compiled(optimizer.step)]

        def step() -> None:
            try:
                chosen[0]()
            except Exception as error:
                if chosen[0] is optimizer.step:
                    raise
                print(f"the optimizer is not compiled: {type(error).__name__}: {error}")
                chosen[0] = optimizer.step
                chosen[0]()

        return step

    def pure(self, function: Callable[..., Any], *arguments: Any) -> Program:
        """A function of tensors on the device, without gradients."""
        torch, compiled = self.torch, self.compiled(function)

        def run() -> Any:
            with torch.no_grad():
                torch.compiler.cudagraph_mark_step_begin()
                return compiled(*arguments)

        return Program(run, self.wait, lambda: probe(run().float().cpu().numpy()))


def make(workload: Workload, sizes: Sizes, data: Data) -> Program:
    """A program that is ready to run."""
    family = workload.name.removesuffix("_bf16").removesuffix("_tf32")
    api = _Torch(workload)
    api.torch._dynamo.reset()  # nothing of the workloads before
    return _MAKERS[family](api, sizes, data)


def _mlp_loss(api: _Torch, p: Any, x: Any, labels: Any) -> Any:
    functional = api.torch.nn.functional
    h = x
    for k in range(3):
        h = api.torch.addmm(p[f"b{k}"], h, p[f"w{k}"])
        h = functional.relu(h) if k < 2 else h
    return functional.cross_entropy(h, labels)


def _mlp(api: _Torch, sizes: Sizes, data: Data) -> Program:
    p, x, labels = api.params(data["params"]), api.put(data["x"]), api.put(data["labels"]).long()
    optimizer = api.torch.optim.Adam(p.values(), 1e-3, **api.fused())
    return api.training(lambda: _mlp_loss(api, p, x, labels), optimizer)


def _mlp_fed(api: _Torch, sizes: Sizes, data: Data) -> Program:
    torch, p = api.torch, api.params(data["params"])
    optimizer = torch.optim.Adam(p.values(), 1e-3, **api.fused())
    forward, update = api.compiled(lambda x, labels: _mlp_loss(api, p, x, labels)), api.update(optimizer)

    def run() -> float:
        torch.compiler.cudagraph_mark_step_begin()
        loss = forward(api.put(data["x"]), api.put(data["labels"]).long())
        loss.backward()
        update()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.item())

    def check() -> list[float]:
        with torch.no_grad():
            return probe(_mlp_loss(api, p, api.put(data["x"]), api.put(data["labels"]).long()).cpu().numpy())

    return Program(run, api.wait, check)


def _gelu(api: _Torch, sizes: Sizes, data: Data) -> Program:
    gelu = api.torch.nn.functional.gelu
    return api.pure(lambda x: gelu(x, approximate="tanh"), api.put(data["x"], api.half))


def _softmax(api: _Torch, sizes: Sizes, data: Data) -> Program:
    return api.pure(lambda x: api.torch.softmax(x, -1), api.put(data["x"], api.half))


def _layer_norm(api: _Torch, sizes: Sizes, data: Data) -> Program:
    layer_norm, columns = api.torch.nn.functional.layer_norm, sizes["columns"]
    arguments = [api.put(data[name]) for name in ("x", "gamma", "beta")]
    return api.pure(lambda x, gamma, beta: layer_norm(x, (columns,), gamma, beta, 1e-5), *arguments)


def _gpt_loss(api: _Torch, sizes: Sizes, data: Data, p: Any) -> Callable[[], Any]:
    functional = api.torch.nn.functional
    batch, length, width, heads = (sizes[name] for name in ("batch", "length", "width", "heads"))
    text, following = api.put(data["text"]).long(), api.put(data["next"]).long()

    def loss() -> Any:
        def dense(x: Any, name: str) -> Any:
            return functional.linear(x, p[name].t(), p[name + "_bias"])

        def normal(x: Any, name: str) -> Any:
            return functional.layer_norm(x, (width,), p[name + "_gamma"], p[name + "_beta"], 1e-5)

        def split(x: Any) -> Any:
            return x.view(batch, length, heads, width // heads).transpose(1, 2)

        with api.autocast():
            x = (functional.embedding(text, p["words"]) + p["places"]).view(batch * length, width)
            for layer in range(sizes["layers"]):
                mixed = dense(normal(x, f"{layer}_one"), f"{layer}_qkv").split(width, dim=1)
                joined = functional.scaled_dot_product_attention(*map(split, mixed), is_causal=True)
                x = x + dense(joined.transpose(1, 2).reshape(batch * length, width), f"{layer}_join")
                wide = functional.gelu(dense(normal(x, f"{layer}_two"), f"{layer}_wide"), approximate="tanh")
                x = x + dense(wide, f"{layer}_back")
            logits = functional.linear(normal(x, "end"), p["words"])
            return functional.cross_entropy(logits.float(), following)

    return loss


def _gpt2(api: _Torch, sizes: Sizes, data: Data) -> Program:
    p = {name: api.put(array) for name, array in data["params"].items()}
    return api.pure(_gpt_loss(api, sizes, data, p))


def _gpt2_training(api: _Torch, sizes: Sizes, data: Data) -> Program:
    p = api.params(data["params"])
    optimizer = api.torch.optim.Adam(p.values(), 1e-4, **api.fused())
    return api.training(_gpt_loss(api, sizes, data, p), optimizer)


def _conv(api: _Torch, sizes: Sizes, data: Data) -> Program:
    torch, functional = api.torch, api.torch.nn.functional
    arrays = {  # filters as PyTorch has them; images and filters keep channels last in memory
        name: array.transpose(3, 2, 0, 1) if array.ndim == 4 else array for name, array in data["params"].items()
    }
    p = {name: api.put(array) for name, array in arrays.items()}
    last = torch.channels_last
    p = {name: t.contiguous(memory_format=last) if t.ndim == 4 else t for name, t in p.items()}
    for tensor in p.values():
        tensor.requires_grad_()
    x, labels = api.put(data["x"]).permute(0, 3, 1, 2), api.put(data["labels"]).long()

    def loss() -> Any:
        h = x
        for k in range(4):
            h = functional.relu(functional.conv2d(h, p[f"w{k}"], p[f"b{k}"], padding=1))
            if k % 2:
                h = functional.max_pool2d(h, 2)
        flat = h.permute(0, 2, 3, 1).reshape(sizes["batch"], -1)
        return functional.cross_entropy(torch.addmm(p["b_out"], flat, p["w_out"]), labels)

    return api.training(loss, torch.optim.SGD(p.values(), 1e-2, momentum=0.9))


def _embedding(api: _Torch, sizes: Sizes, data: Data) -> Program:
    table, ids, target = api.put(data["table"]), api.put(data["ids"]).long(), api.put(data["target"])

    def step() -> None:
        rows = table[ids]  # only the rows that are read have a gradient
        table.index_add_(0, ids, -2.0 * (rows - target) / rows.numel())

    compiled = api.compiled(step)
    return Program(compiled, api.wait, lambda: probe(((table[ids] - target) ** 2).mean().cpu().numpy()))


def _session(api: _Torch, sizes: Sizes, data: Data) -> Program:
    compiled = api.compiled(lambda x: x + 1.0)
    run = lambda: compiled(api.put(data["x"])).cpu().numpy()  # noqa: E731
    return Program(run, api.wait, lambda: probe(run()))


_MAKERS = {
    "mlp": _mlp, "mlp_fed": _mlp_fed, "gelu": _gelu, "softmax": _softmax, "layer_norm": _layer_norm, "gpt2": _gpt2,
    "gpt2_training": _gpt2_training, "conv": _conv, "embedding": _embedding, "session": _session,
}  # fmt: skip
