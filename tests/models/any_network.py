"""Small networks of the registry with batch norms as after a training, and sounds as each of them hears them."""

import torch
from torch import Tensor, nn

from affekt.features.mel import HOP_LENGTH, log_mel
from affekt.features.spectrogram import Resolution, root, spectrum
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import CLASSES, NETWORKS, NetworkSpec

# The judge is in no registry, so that it cannot be climbed, but what holds for recognisers holds for it.
SPECS = NETWORKS | {"judge": NetworkSpec(RecurrentRecogniser, "mel", "emotion")}
NAMES = sorted(SPECS)
RATE = 22050
SEGMENT = 1500  # samples of one tone, so that clips of any length have their own course
CALIBRATION = 6  # passes in training mode


def config_of(name: str, **more: object) -> dict[str, object]:
    """The scalars of a small network."""
    spec = SPECS[name]
    config: dict[str, object] = {"channels": 4, "classes": CLASSES[spec.labels], **dict(spec.config)}
    if spec.input != "spectrogram" and name != "judge":
        config["layers"] = 2
    return config | more


def untrained(name: str, **more: object) -> nn.Module:
    """Return a small network, the same each time."""
    torch.manual_seed(0)
    return SPECS[name].network(**config_of(name, **more))


def trained(name: str, **more: object) -> nn.Module:
    """Return a small network whose batch norms have the statistics of sounds, and offsets, in eval mode."""
    network = untrained(name, **more)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = None  # the mean over all passes
                if module.affine:
                    nn.init.normal_(module.bias, 0, 0.5)
        for seed in range(CALIBRATION):
            network.train()(batch(name, [60, 60], 100 * seed))
    return network.eval()


def sound(samples: int, seed: int) -> Tensor:
    """Make a waveform (1, samples): tones of random pitch and level, one after another, and a little noise."""
    rng = torch.Generator().manual_seed(seed)
    count = samples // SEGMENT + 1
    frequency_hz = 80 * 2 ** (5.5 * torch.rand(count, generator=rng))
    level = 0.3 * 10 ** (-2 * torch.rand(count, generator=rng))
    phase = (2 * torch.pi * frequency_hz / RATE).repeat_interleave(SEGMENT)[:samples].cumsum(0)
    tones = phase.sin() * level.repeat_interleave(SEGMENT)[:samples]
    return (tones + 0.002 * torch.randn(samples, generator=rng))[None]


def hear(name: str, wave_BT: Tensor) -> Tensor:
    """Turn waveforms into what a network takes."""
    spec = SPECS[name]
    if spec.input == "mel":
        return log_mel(wave_BT)
    if spec.input == "audio":
        return wave_BT
    return root(spectrum(wave_BT, Resolution(**dict(spec.config))))


def clip(name: str, frames: int, seed: int = 0) -> Tensor:
    """Make a clip of so many frames; of samples that are no multiple of a hop, for a network of waveforms."""
    if SPECS[name].input == "audio":
        return sound(frames * HOP_LENGTH - 37 * (seed % 7) - 5, seed)
    hop = dict(SPECS[name].config).get("hop_length", HOP_LENGTH)
    samples = (frames - 1) * int(hop)
    return hear(name, sound(max(samples, 2048), seed))[..., :frames]


def batch(name: str, frames: list[int], seed: int = 0, filling: float = 0.0) -> Tensor:
    """Put clips of these lengths side by side, followed by `filling`."""
    return together([clip(name, length, seed + i) for i, length in enumerate(frames)], filling)


def together(clips: list[Tensor], filling: float = 0.0) -> Tensor:
    """Put clips side by side, followed by `filling`."""
    longest = max(x.shape[-1] for x in clips)
    return torch.cat([nn.functional.pad(x, (0, longest - x.shape[-1]), value=filling) for x in clips])


def lengths(clips: list[Tensor]) -> Tensor:
    """Valid frames (or samples) of clips."""
    return torch.tensor([x.shape[-1] for x in clips])
