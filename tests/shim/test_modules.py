"""Modules: registration, traversal, state, hooks, text, copies."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.torch as torch
from functrans.torch import nn


class Net(nn.Module):
    """Every kind of member, one module shared by two names."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([2.0]))
        self.register_buffer("count", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("cache", torch.zeros(2), persistent=False)
        self.inner = nn.Linear(3, 3)
        self.again = self.inner
        self.layers = nn.ModuleList([nn.Linear(3, 2, bias=False), nn.Tanh()])
        self.free = None
        self.label = "net"

    def forward(self, x: Any, *, shift: float = 0.0) -> Any:
        x = self.again(self.inner(x)) * self.scale + shift
        for layer in self.layers:
            x = layer(x)
        return x


def test_members() -> None:
    net = Net()
    assert [k for k, _ in net.named_parameters()] == [
        "scale",
        "inner.weight",
        "inner.bias",
        "layers.0.weight",
    ]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 6
    assert [k for k, _ in net.named_parameters("n", recurse=False)] == ["n.scale"]
    assert [k for k, _ in net.named_buffers()] == ["count", "cache"]
    assert [k for k, _ in net.named_children()] == ["inner", "layers"]
    paths = ["", "inner", "layers", "layers.0", "layers.1"]
    assert [k for k, _ in net.named_modules()] == paths
    assert len(list(net.modules())) == 5 and len(list(net.children())) == 2
    keys = ["scale", "count", "inner.weight", "inner.bias", "again.weight", "again.bias"]
    assert list(net.state_dict()) == [*keys, "layers.0.weight"]
    assert net.get_parameter("layers.0.weight") is net.layers[0].weight
    assert net.get_submodule("layers.1") is net.layers[1] and net.get_submodule("") is net
    assert net.get_buffer("count") is net.count
    for wrong in ("nothing", "layers.7", "scale"):
        with pytest.raises(AttributeError):
            net.get_submodule(wrong)
    assert {"scale", "count", "inner"} <= set(dir(net))


def test_modules_are_replaced_by_path() -> None:
    net = Net()
    new = nn.Linear(2, 2, bias=False)
    net.set_submodule("layers.0", new, strict=True)
    assert net.layers[0] is new and net.get_submodule("layers.0") is new
    net.set_submodule("head", new)
    assert net.head is new and "head.weight" not in dict(net.named_parameters())  # once by path
    with pytest.raises(AttributeError, match="`scale` is not an nn.Module"):
        net.set_submodule("scale", new)


def test_empty_parameters() -> None:
    net = Net()
    shapes = {name: t.shape for name, t in net.named_parameters()}
    assert net.to_empty(device="cpu") is net
    assert {name: t.shape for name, t in net.named_parameters()} == shapes
    assert all(t.requires_grad and t.is_leaf for t in net.parameters())


def test_attributes_move_between_tables() -> None:
    net = Net()
    net.label = nn.Parameter(torch.ones(1))
    assert "label" in dict(net.named_parameters()) and "label" not in net.__dict__
    net.count = nn.Linear(1, 1)
    assert "count" not in dict(net.named_buffers()) and isinstance(net.count, nn.Linear)
    net.scale = None
    assert net.scale is None and "scale" not in net.state_dict()
    net.scale = nn.Parameter(torch.zeros(1))
    del net.inner
    assert not hasattr(net, "inner") and "again.weight" in net.state_dict()
    net.mean = nn.Buffer(torch.ones(2), persistent=False)
    assert "mean" in dict(net.named_buffers()) and "mean" not in net.state_dict()
    net.mean = torch.zeros(2)
    assert net.get_buffer("mean").tolist() == [0.0, 0.0]


def test_parameters_are_leaves_in_the_memory_of_their_data() -> None:
    data = torch.ones(2)
    w = nn.Parameter(data)
    assert w.is_leaf and w.requires_grad and isinstance(w, torch.Tensor)
    with torch.no_grad():
        w.mul_(3)
    assert data.tolist() == [3.0, 3.0]
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert repr(w) == "Parameter containing:\ntensor([3., 3.], requires_grad=True)"
    assert type(w * 1) is torch.Tensor and type(w.data) is torch.Tensor
    (w * w).sum().backward()
    for other in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert type(other) is nn.Parameter and other.tolist() == [3.0, 3.0] and other.requires_grad
    assert ft.tree.map(lambda p: p * 2, {"w": w})["w"].tolist() == [6.0, 6.0]


def test_modes_types_and_gradients() -> None:
    net = Net()
    assert net.eval() is net and not net.layers[1].training
    net.train()
    assert all(m.training for m in net.modules())
    net(torch.ones(3)).sum().backward()
    assert net.inner.weight.grad is not None
    net.double()
    assert net.inner.weight.dtype is torch.float64 and net.count.dtype is torch.int64
    assert net.inner.weight.grad.dtype is torch.float64 and net.cache.dtype is torch.float64
    weight = net.inner.weight
    net.to(torch.float32)
    assert net.inner.weight is weight and weight.dtype is torch.float32 and weight.requires_grad
    net.zero_grad(set_to_none=False)
    assert weight.grad.abs().sum() == 0
    net.zero_grad()
    assert weight.grad is None
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    seen: list[Any] = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Tanh", "ModuleList", "Net"]
    with pytest.raises(TypeError, match="floating point or complex"):
        net.to(torch.int64)
    with pytest.raises(NotImplementedError, match=r"Module\.cuda"):
        net.cuda()


def test_state_is_in_the_memory_of_the_module() -> None:
    net, other = Net(), Net()
    state = net.state_dict()
    assert type(state) is OrderedDict and state._metadata[""] == {"version": 1}
    state["scale"].fill_(5.0)
    assert net.scale.tolist() == [5.0] and not state["scale"].requires_grad
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    result = other.load_state_dict({k: v.numpy() for k, v in state.items()})
    assert repr(result) == "<All keys matched successfully>"
    assert (other.inner.weight == net.inner.weight).all()
    assert other.inner.weight.requires_grad and other.inner.weight is not net.inner.weight
    assert list(nn.Linear(1, 1).state_dict(prefix="a.")) == ["a.weight", "a.bias"]
    fresh = Net()
    fresh.load_state_dict(OrderedDict(state), assign=True)
    assert fresh.count is state["count"] and type(fresh.scale) is nn.Parameter
    fresh.scale.data.fill_(7.0)
    assert net.scale.tolist() == [7.0]


def test_states_that_do_not_fit() -> None:
    net = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    state = net.state_dict()
    del state["1.bias"]
    state["2.weight"] = state["0.bias"]
    state["0.bias"] = torch.zeros(4)
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    assert str(error.value) == (
        "Error(s) in loading state_dict for Sequential:\n"
        '\tMissing key(s) in state_dict: "1.bias". \n'
        '\tUnexpected key(s) in state_dict: "2.weight". \n'
        "\tsize mismatch for 0.bias: copying a param with shape torch.Size([4]) from checkpoint, "
        "the shape in current model is torch.Size([1])."
    )
    del state["0.bias"]
    found = net.load_state_dict(state, strict=False)
    assert found == (["0.bias", "1.bias"], ["2.weight"])
    assert found.missing_keys == ["0.bias", "1.bias"]


def test_state_hooks_and_extra_state() -> None:
    class Extra(nn.Linear):
        note = 0

        def get_extra_state(self) -> Any:
            return {"note": self.note}

        def set_extra_state(self, state: Any) -> None:
            self.note = state["note"]

    a, b = Extra(1, 1), Extra(1, 1)
    a.note = 3
    state = a.state_dict()
    assert state["_extra_state"] == {"note": 3}
    b.load_state_dict(state)
    assert b.note == 3
    layer = nn.Linear(1, 1)
    calls: list[Any] = []
    layer.register_state_dict_pre_hook(lambda m, prefix, keep: calls.append(prefix))
    layer._register_state_dict_hook(lambda m, d, prefix, meta: d.pop(prefix + "bias") and None)
    assert list(nn.Sequential(layer).state_dict()) == ["0.weight"] and calls == ["0."]

    def rename(module: Any, state: Any, prefix: str, *rest: Any) -> None:
        state[prefix + "bias"] = state.pop(prefix + "offset")

    layer.register_load_state_dict_pre_hook(rename)
    layer.register_load_state_dict_post_hook(lambda m, keys: calls.append(keys.missing_keys))
    layer.load_state_dict({"weight": torch.zeros(1, 1), "offset": torch.ones(1)})
    assert layer.bias.tolist() == [1.0] and calls[-1] == []


def test_forward_hooks() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(1.0)
    order: list[str] = []

    def before(module: Any, args: Any) -> Any:
        order.append("before")
        return args[0] + 1

    def after(module: Any, args: Any, output: Any) -> Any:
        order.append("after")
        return output * 10

    handles = [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
    handles.append(layer.register_forward_hook(lambda m, a, o: order.append("first"), prepend=True))
    assert layer(torch.ones(1)).tolist() == [20.0] and order == ["before", "first", "after"]
    with handles[0]:
        pass
    for handle in handles:
        handle.remove()
    assert layer(torch.ones(1)).tolist() == [1.0]
    net = Net()
    net.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {**kwargs, "shift": 100.0}), with_kwargs=True
    )
    net.register_forward_hook(lambda m, args, kwargs, out: out + kwargs["shift"], with_kwargs=True)
    assert (net(torch.ones(3)) > 90).all()
    broken = nn.Linear(2, 1)
    calls: list[Any] = []
    broken.register_forward_hook(lambda m, a, o: calls.append(o), always_call=True)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes"):
        broken(torch.ones(3))
    assert calls == [None]


def test_backward_hooks() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(3.0)
    seen: list[Any] = []

    def hook(module: Any, grad_input: Any, grad_output: Any) -> Any:
        seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 2,)

    layer.register_full_backward_pre_hook(lambda m, g: (g[0] * 10,))
    layer.register_full_backward_hook(hook)
    x = torch.ones(1, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [([30.0], [10.0])] and x.grad.tolist() == [60.0]
    assert layer.weight.grad.tolist() == [[10.0]]
    other = nn.Linear(1, 1)
    none: list[Any] = []
    other.register_full_backward_hook(lambda m, gi, go: none.append((gi, go[0].tolist())))
    other(torch.ones(1)).sum().backward()
    assert none == [((None,), [1.0])]
    with torch.no_grad():
        other(torch.ones(1))


def test_text() -> None:
    net = nn.Sequential(OrderedDict(a=nn.Linear(1, 2), b=nn.Sequential(nn.ReLU(), nn.Sigmoid())))
    assert repr(net) == (
        "Sequential(\n"
        "  (a): Linear(in_features=1, out_features=2, bias=True)\n"
        "  (b): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Sigmoid()\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Module()) == "Module()"


def test_copies_and_pickles_of_modules() -> None:
    net = Net()
    net.register_forward_hook(print_nothing)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.inner is other.again and other.inner.weight is not net.inner.weight
        assert (other(torch.ones(3)) == net(torch.ones(3))).all()
        assert len(other._forward_hooks) == 1
    shallow = copy.copy(net)
    assert shallow.inner is net.inner


def print_nothing(module: Any, args: Any, output: Any) -> None:
    """A hook that can be pickled."""


def test_modules_go_without_the_garbage_collector() -> None:
    net = Net()
    net(torch.ones(3)).sum().backward()
    reference = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert reference() is None
    finally:
        gc.enable()


def test_containers() -> None:
    a, b, c = (nn.Linear(1, 1) for _ in range(3))
    seq = nn.Sequential(a, b)
    seq.append(c).insert(0, nn.ReLU())
    assert seq[1] is a and seq[-1] is c and len(seq) == 4 and [*seq][2] is b
    assert isinstance(seq[1:3], nn.Sequential) and seq[1:3][0] is a
    del seq[0]
    assert list(seq._modules) == ["0", "1", "2"] and seq[0] is a
    assert len(seq + nn.Sequential(a)) == 4 and len(seq * 2) == 6 and seq.pop(-1) is c
    with pytest.raises(IndexError, match="out of range"):
        seq[5]
    modules = nn.ModuleList([a])
    modules += [b]
    modules.insert(1, c)
    assert modules[1] is c and len(modules[1:]) == 2 and len(modules + [a]) == 4
    modules[0] = b
    del modules[2]
    assert [*modules] == [b, c] and modules.pop(0) is b
    named = nn.ModuleDict([("a", a)])
    named["b"] = b
    named.update({"c": c})
    assert list(named) == ["a", "b", "c"] and named.pop("b") is b and "b" not in named
    listed = nn.ParameterList([torch.ones(1), nn.Parameter(torch.zeros(2))])
    listed.append(torch.ones(3))
    assert [p.shape[0] for p in listed] == [1, 2, 3] and len(list(listed.parameters())) == 3
    assert listed.pop().shape == (3,) and list(listed.state_dict()) == ["0", "1"]
    table = nn.ParameterDict({"w": torch.ones(1)})
    table["v"] = torch.zeros(2)
    assert (
        list(table.keys()) == ["w", "v"] and table.get("u") is None and table.pop("w") is not None
    )


def test_functional_call() -> None:
    torch.manual_seed(0)  # some weights make sums of float32 cancel
    net = Net()
    own = {k: v.detach().clone() for k, v in net.named_parameters()}
    doubled = {**own, "scale": own["scale"] * 2}
    plain = net(torch.ones(3))
    other = torch.func.functional_call(net, doubled, torch.ones(3), {"shift": 0.0})
    assert not torch.allclose(plain, other) and torch.allclose(net(torch.ones(3)), plain)

    def loss(parameters: Any, x: Any) -> Any:
        return torch.func.functional_call(net, parameters, (x,)).sum()

    grads = torch.func.grad(loss)(own, torch.ones(3))
    net(torch.ones(3)).sum().backward()
    for name, parameter in net.named_parameters():
        np.testing.assert_allclose(
            grads[name].numpy(), parameter.grad.numpy(), rtol=1e-5
        )  # float32
    batch = torch.func.vmap(torch.func.grad(loss), (None, 0))(own, torch.ones(5, 3))
    assert batch["inner.weight"].shape == (5, 3, 3)
    with pytest.raises(KeyError, match="nothing"):
        torch.func.functional_call(net, {"nothing": torch.ones(1)}, torch.ones(3))
    layers = [nn.Linear(2, 1) for _ in range(4)]
    parameters, buffers = torch.func.stack_module_state(layers)
    outs = torch.func.vmap(lambda p, x: torch.func.functional_call(layers[0], p, (x,)), (0, None))(
        parameters, torch.ones(2)
    )
    expected = torch.stack([layer(torch.ones(2)) for layer in layers])
    assert torch.allclose(outs, expected) and buffers == {}


def test_errors_of_registration() -> None:
    net = Net()
    with pytest.raises(TypeError, match="cannot assign 'torch.FloatTensor' as parameter 'scale'"):
        net.scale = torch.ones(1)
    with pytest.raises(TypeError, match="cannot assign 'int' as child module 'inner'"):
        net.inner = 3
    with pytest.raises(KeyError, match="attribute 'label' already exists"):
        net.register_buffer("label", None)
    with pytest.raises(KeyError, match="name can"):
        net.register_parameter("a.b", None)
    with pytest.raises(TypeError, match="cannot assign 'torch.FloatTensor' object to parameter"):
        net.register_parameter("w", net.scale * 2)
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'nothing'"):
        net.nothing  # noqa: B018

    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\)"):
        Forgetful()
    with pytest.raises(NotImplementedError, match="missing the required"):
        nn.Module()(1)
    with pytest.raises(NotImplementedError, match=r"torch\.nn\.SyncBatchNorm"):
        nn.SyncBatchNorm(2)
    with pytest.raises(NotImplementedError, match=r"torch\.nn\.functional\.pdist"):
        nn.functional.pdist(1)


def test_hooks_of_all_modules() -> None:
    log: list[Any] = []

    def note(what: str) -> Any:
        return lambda module, *_: log.append((what, type(module).__name__))

    of_all = nn.modules.module
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    handles = [
        of_all.register_module_forward_pre_hook(note("all pre")),
        of_all.register_module_forward_hook(note("all forward")),
        of_all.register_module_full_backward_pre_hook(note("all backward pre")),
        of_all.register_module_full_backward_hook(note("all backward")),
        net[0].register_forward_pre_hook(note("pre")),
        net[0].register_forward_hook(note("forward")),
        net[0].register_full_backward_hook(note("backward")),
    ]
    net(torch.ones(2, 2)).sum().backward()
    assert log == [
        ("all pre", "Sequential"),
        ("all pre", "Linear"),
        ("pre", "Linear"),
        ("all forward", "Linear"),
        ("forward", "Linear"),
        ("all pre", "Tanh"),
        ("all forward", "Tanh"),
        ("all forward", "Sequential"),
        ("all backward pre", "Sequential"),
        ("all backward", "Sequential"),
        ("all backward pre", "Tanh"),
        ("all backward", "Tanh"),
        ("all backward pre", "Linear"),
        ("all backward", "Linear"),
        ("backward", "Linear"),
    ]
    for handle in handles:
        handle.remove()
    log.clear()
    net(torch.ones(2))
    assert not log

    doubled = of_all.register_module_forward_hook(
        lambda module, args, kwargs, out: 2 * out, with_kwargs=True
    )
    assert nn.Identity()(torch.ones(1)).item() == 2.0
    doubled.remove()
    failed = of_all.register_module_forward_hook(note("failed"), always_call=True)
    with pytest.raises(NotImplementedError):
        nn.Module()(1)
    failed.remove()
    assert log == [("failed", "Module")]
