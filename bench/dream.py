"""What a second of dreamed audio costs: the deep dream of this project beside seed 3's recipe, same networks.

    python -m bench.dream --out bench/results/dream.json

Both go from the waveform to the waveform, at one octave of 10 iterations and at the octaves and iterations of
params.yaml, which are the command line's. They take turns on the same speech, whose length is in the JSON. Costs depend
on the layer, since neither runs the network beyond it: an early, a middle and the last block are measured. Weights are
random: they do not change what an iteration costs.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from affekt.core.devices import set_up
from affekt.core.files import write_json
from affekt.core.params import DreamParams
from affekt.optimise.dream import Ear, Wish, dream
from affekt.optimise.layers import find_layer
from affekt.optimise.resynthesis import speak as resynthesise
from bench import seed3
from bench.clock import CLOCKS, Costs, median, median_ratio, print_row, take_turns
from bench.networks import Sized, add_arguments, describe, load_preset, parameters, size
from bench.speech import speak

NETWORKS = ["gender_fast", "gender_slow"]
LAYERS = ["block1", "block5", "block9"]
ONE_OCTAVE = (1, 10)  # octaves, iterations


def contenders(
    sized: Sized, wish: Wish, wave_T: np.ndarray, device: torch.device
) -> dict[str, Callable[[], np.ndarray]]:
    """Each dreams the sound once."""
    ear = Ear.of(sized.build(), "spectrogram", device)
    layer = find_layer(ear.layers(), wish.layer, wish.channel)

    def ours() -> np.ndarray:
        root_BKF, phase_BKF = ear.analyse(torch.from_numpy(wave_T)[None].to(device))
        dreamed = dream(ear, root_BKF, phase_BKF, wish)
        return resynthesise(dreamed.root, phase_BKF, len(wave_T), ear.resolution)[0].cpu().numpy()

    def prototype() -> np.ndarray:
        torch.manual_seed(wish.seed)
        return seed3.dream_sound(ear.network, layer, wave_T, ear.resolution, wish.octaves, wish.iterations)

    return {"affekt": ours, "seed3": prototype}


def wish_of(layer: str, octaves: int, iterations: int, section: DreamParams) -> Wish:
    """The command line's wish, but for octaves and iterations."""
    return Wish(
        layer=layer,
        octaves=octaves,
        iterations=iterations,
        step=section.step,
        seed=0,
        ratio=section.ratio,
        tile_frames=section.tile_frames,
        jitter_frames=section.jitter_frames,
        jitter_bins=section.jitter_bins,
    )


def figures(prefix: str, costs: Costs, seconds: float) -> dict[str, float]:
    """Seconds per second of audio of both, and how many times as fast affekt is."""
    results = {}
    for clock in CLOCKS:
        for contender, turns in costs.items():
            results[f"{prefix}/{contender}/{clock}_s_per_s"] = median(turns, clock) / seconds
        results[f"{prefix}/{clock}_speed_over_seed3"] = median_ratio(costs["seed3"], costs["affekt"], clock)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.set_defaults(networks=NETWORKS)
    parser.add_argument("--layers", nargs="+", default=LAYERS, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=10.0, help="of speech")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    device, params = set_up(arguments.device, arguments.threads), load_preset(arguments.preset)
    with tempfile.TemporaryDirectory() as temporary:
        wave_T = speak(Path(temporary), statements=1).stretch(arguments.seconds)
    results = describe(arguments, device)
    print(f"{arguments.seconds:g} s of speech; seconds per second of audio by the wall clock (processor)")
    whole = (params.dream.octaves, params.dream.iterations)
    for name in arguments.networks:
        sized = size(name, params)
        results[f"dream/{name}/parameters"] = parameters(sized.build())
        for layer in arguments.layers:
            for octaves, iterations in sorted({ONE_OCTAVE, whole}):
                prefix = f"dream/{name}/{layer}/{octaves}x{iterations}"
                wish = wish_of(layer, octaves, iterations, params.dream)
                work = contenders(sized, wish, wave_T, device)
                results |= (found := figures(prefix, take_turns(work, arguments.rounds, device), arguments.seconds))
                print_row(f"{prefix:34}", found, prefix, ("affekt", "seed3"), "s_per_s", "speed_over_seed3", "7.3f")
    if arguments.out:
        write_json(arguments.out, results)


if __name__ == "__main__":
    main()
