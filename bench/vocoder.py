"""How fast the vocoders speak: x real time of Griffin-Lim, the iSTFT vocoder and WaveGlow, side by side in one run.

    python bench/vocoder.py --channels 192 --blocks 4 --out bench/results/vocoder.json

Weights are random: they change nothing in what a second of audio costs. The mel is that of a synthetic glide, and of
one clip as long as real ones, not of a batch: so people use a vocoder.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from affekt.core.devices import set_up
from affekt.core.files import write_json
from affekt.features.griffin_lim import griffin_lim
from affekt.features.mel import HOP_LENGTH, SAMPLE_RATE, log_mel
from affekt.models.vocoder import MATCH, REFINE, IstftVocoder
from affekt.models.waveglow import WaveGlow


def main() -> None:
    arguments = parse_arguments()
    device = set_up(arguments.device, arguments.threads)
    mel_MF = log_mel(harmonic_glide(arguments.seconds)).to(device)
    sizes = {name: getattr(arguments, name) for name in ("channels", "blocks", "refine", "match")}
    vocoder = IstftVocoder(**sizes).to(device).eval()
    flow = (arguments.flow_channels, arguments.flow_layers, arguments.flows, arguments.flow_condition)
    waveglow = WaveGlow(*flow).to(device).eval()
    systems: dict[str, Callable[[], Tensor]] = {
        "griffin_lim": lambda: griffin_lim(mel_MF, arguments.iterations),
        "istft": lambda: vocoder(mel_MF[None]),
        "waveglow": lambda: waveglow(mel_MF[None]),
    }
    seconds = measure(systems, arguments.repeats, device)
    spoken = (mel_MF.shape[-1] - 1) * HOP_LENGTH / SAMPLE_RATE
    results: dict[str, float | str] = {
        f"vocoder/{name}/x_realtime": spoken / statistics.median(times) for name, times in seconds.items()
    }
    # Paired in time, so that another program's load falls on both.
    for name in ("istft", "waveglow"):
        ratios = [other / own for other, own in zip(seconds["griffin_lim"], seconds[name], strict=True)]
        results[f"vocoder/{name}/speed_over_griffin_lim"] = statistics.median(ratios)
    results |= {f"bench/{name}": value for name, value in vars(arguments).items() if name != "out"}
    for name, value in results.items():
        print(f"{name:45} {value if isinstance(value, str) else f'{value:.1f}'}")
    if arguments.out:
        write_json(arguments.out, results)


@torch.inference_mode()
def measure(systems: dict[str, Callable[[], Tensor]], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of every call, the systems taking turns after one call each to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for i in range(repeats + 1):
        for name, speak in systems.items():
            synchronise(device)
            started = time.perf_counter()
            speak()
            synchronise(device)
            if i > 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def harmonic_glide(seconds: float) -> Tensor:
    """A buzz that glides from 120 to 240 Hz, as (T,) samples."""
    time_T = torch.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase_T = 2 * torch.pi * (120 * time_T + 60 * time_T.square() / seconds)
    return 0.05 * torch.stack([torch.sin(k * phase_T) for k in range(1, 20)]).sum(0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=192, help="of the iSTFT vocoder (preset ravdess: 192)")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--refine", type=int, default=REFINE, help="Griffin-Lim iterations of the iSTFT vocoder")
    parser.add_argument("--match", type=int, default=MATCH, help="times that it matches the sound's mel")
    parser.add_argument("--flow-channels", type=int, default=48, help="of WaveGlow (preset ravdess: 48)")
    parser.add_argument("--flow-layers", type=int, default=5)
    parser.add_argument("--flows", type=int, default=8)
    parser.add_argument("--flow-condition", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=60, help="of Griffin-Lim")
    parser.add_argument("--seconds", type=float, default=3.0, help="of the clip (RAVDESS: about 3)")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=None, help="JSON file for the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
