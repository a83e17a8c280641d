"""What networks cost: multiply-accumulates, counted while they run."""

from collections.abc import Callable

from torch import Tensor, nn


def macs(model: nn.Module, run: Callable[[], object]) -> int:
    """Multiply-accumulates of the convolutions and linear layers below `model` while `run` runs."""
    total = 0

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += output.numel() * module.in_features

    handles = [module.register_forward_hook(count) for module in model.modules()]
    run()
    for handle in handles:
        handle.remove()
    return total
