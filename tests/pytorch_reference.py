"""Names in files of timm and torchvision, and what their networks compute from known weights.

    python tests/pytorch_reference.py

rewrites pytorch_reference.json where PyTorch, timm and torchvision are installed. The tests read it without.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")
NETWORKS = {  # ours -> theirs, the side of the image, and the gain of a kernel: too small, and the image
    # no longer matters at the end; too large, and rounding is amplified
    "resnet18": ("resnet18", 64, 1.5),
    "resnet50_v15": ("resnet50", 64, 1.5),
    "resnext50_32x4d": ("resnext50_32x4d", 64, 1.5),
    "se_resnet50": ("seresnet50", 64, 1.5),
    "senet154": ("senet154", 64, 1.0),
    "ghostnet": ("ghostnet_100", 64, 1.0),
    "mnasnet_a1": ("semnasnet_100", 64, 1.5),
    "inception_v4": ("inception_v4", 75, 2.0),
    "alexnet": ("alexnet", 224, 1.5),
    "vgg11_bn": ("vgg11_bn", 224, 1.5),
    "squeezenet": ("squeezenet1_0", 64, 1.5),
    "squeezenet1_1": ("squeezenet1_1", 64, 1.5),
    "shufflenet_v2_x0_5": ("shufflenet_v2_x0_5", 64, 1.5),
}
TORCHVISION = ("alexnet", "vgg", "squeezenet", "shufflenet")
LOGITS = 8  # of 1000, kept


def state(modules: dict[str, list], gain: float = 1.5) -> dict[str, np.ndarray]:
    """A state_dict of random weights. `modules` has shapes of kernels, with "bias" where there is one."""
    random = np.random.default_rng(0)
    arrays = {}
    for module, shape in modules.items():
        *shape, bias = shape if shape[-1] == "bias" else (*shape, None)
        if len(shape) == 1:  # batch normalisation
            arrays[f"{module}.weight"] = random.uniform(0.5, 1.5, shape)
            arrays[f"{module}.running_mean"] = random.normal(0, 0.2, shape)
            arrays[f"{module}.running_var"] = random.uniform(0.5, 1.5, shape)
        else:
            scale = np.float32(np.sqrt(gain / np.prod(shape[1:])))
            arrays[f"{module}.weight"] = scale * random.standard_normal(shape, "float32")
        if bias or len(shape) == 1:
            arrays[f"{module}.bias"] = random.normal(0.1, 0.2, shape[0])
    return {key: array.astype("float32") for key, array in arrays.items()}


def image(size: int) -> np.ndarray:
    """A random image, (1, size, size, 3)."""
    return np.random.default_rng(1).standard_normal((1, size, size, 3), "float32")


def record(theirs: str, size: int, gain: float) -> dict:
    """The names of a network's modules, and its logits for `image(size)` with the weights of `state`."""
    import timm
    import torch
    import torchvision

    create = getattr(torchvision.models, theirs) if theirs.startswith(TORCHVISION) else timm.create_model
    network = create(weights=None) if create is not timm.create_model else create(theirs)
    own = network.state_dict()
    modules = {
        key.removesuffix(".weight"): [*array.shape, *["bias"] * (key.replace("weight", "bias") in own)]
        for key, array in own.items()
        if key.endswith(".weight")
    }
    modules = {
        name: shape[:1] if len(shape) == 2 and "bias" in shape else shape for name, shape in modules.items()
    }
    arrays = {key: torch.from_numpy(array) for key, array in state(modules, gain).items()}
    counters = {key: array for key, array in own.items() if key.endswith("num_batches_tracked")}
    network.load_state_dict(arrays | counters, strict=True)
    pixels = torch.from_numpy(image(size).transpose(0, 3, 1, 2))
    with torch.no_grad():
        logits = network.eval()(pixels)[0]
        exact = network.double()(pixels.double())[0]
    assert abs(logits - exact).max() < 1e-5 * abs(exact).max(), f"{theirs} amplifies rounding"
    logits = [float(logit) for logit in logits[:LOGITS]]
    return {"size": size, "gain": gain, "modules": modules, "logits": logits}


if __name__ == "__main__":
    records = {ours: record(*network) for ours, network in NETWORKS.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(each)}" for name, each in records.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
