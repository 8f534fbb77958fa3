"""Matrix products in bfloat16, to accelerate an image encoder on CPUs that support it."""

from __future__ import annotations

from typing import Any


def is_native() -> bool:
    """Return True if the CPU supports bfloat16; emulation is slower than float32."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))


def linear_layers(model: Any) -> list[Any]:
    """Return the linear layers of the transformer, which do nearly all of the work."""
    import torch

    encoder = getattr(model.vision_model, "encoder", None)
    modules = encoder.modules() if encoder is not None else ()
    return [module for module in modules if type(module) is torch.nn.Linear]


def round_weights(layer: Any) -> None:
    """Make a layer multiply in bfloat16 and sum in float32; its bias stays float32.

    Replaces its weights by rounded ones, and its `forward`.
    """
    import torch

    layer.weight.data = layer.weight.data.bfloat16()

    def forward(inputs: Any) -> Any:
        product = torch.nn.functional.linear(inputs.bfloat16(), layer.weight).float()
        return product if layer.bias is None else product.add_(layer.bias)

    layer.forward = forward
