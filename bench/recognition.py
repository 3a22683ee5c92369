"""How fast each recogniser hears: audio in memory to logits of whole clips, in times real time, on one thread and two.

    python -m bench.recognition --out bench/results/recognition.json

The project's way (its features, then `predict`: clips of like length side by side) stands beside what a notebook does
with the same network: features by librosa, one clip after the other. They take turns; the seconds of the clips are in
the JSON. Decoding and trimming are in neither. Weights are random: they do not change what a second of audio costs.
"""

import argparse
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.devices import limit_threads, set_up
from affekt.core.files import write_json
from affekt.features.mel import log_mel
from affekt.models.inference import predict
from affekt.training.fit import hear
from bench.clock import CLOCKS, Costs, median, median_ratio, print_row, take_turns
from bench.networks import Sized, add_arguments, describe, load_preset, parameters, size
from bench.plain import analyse
from bench.speech import Speech, speak


@torch.no_grad()
def together(speech: Speech, network: nn.Module, sized: Sized, device: torch.device) -> Tensor:
    """Logits (clips, classes), from the samples on."""
    packed = speech.packed
    if sized.spec.input == "mel":
        waves = (torch.from_numpy(wave_T).to(device) for wave_T in speech.waves())
        mel_NM = np.concatenate([log_mel(wave_T).T.cpu().numpy() for wave_T in waves])
        packed = dataclasses.replace(packed, mel=mel_NM)
    return predict(network, hear(packed, np.arange(len(packed)), sized.spec, device))


@torch.no_grad()
def one_by_one(speech: Speech, network: nn.Module, sized: Sized, device: torch.device) -> Tensor:
    """Logits (clips, classes), as a notebook gets them."""
    logits = []
    for wave_T in speech.waves():
        x = torch.from_numpy(analyse(wave_T, sized.spec))[None].to(device)
        logits.append(network(x)[0])
    return torch.stack(logits)


def contenders(speech: Speech, sized: Sized, device: torch.device) -> dict[str, Callable[[], Tensor]]:
    """Each hears all clips once."""
    network = sized.build().to(device).eval().requires_grad_(False)
    return {
        "affekt": lambda: together(speech, network, sized, device),
        "librosa_one_by_one": lambda: one_by_one(speech, network, sized, device),
    }


def figures(prefix: str, costs: Costs, seconds: float) -> dict[str, float]:
    """Times real time of both, and how many times as fast affekt is."""
    results = {}
    for clock in CLOCKS:
        for contender, turns in costs.items():
            results[f"{prefix}/{contender}/{clock}_x_realtime"] = seconds / median(turns, clock)
        ratio = median_ratio(costs["librosa_one_by_one"], costs["affekt"], clock)
        results[f"{prefix}/{clock}_speed_over_librosa"] = ratio
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--statements", type=int, default=1, help="of the demo corpus: 120 clips each")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    device, params = set_up(arguments.device, arguments.threads), load_preset(arguments.preset)
    with tempfile.TemporaryDirectory() as temporary:
        speech = speak(Path(temporary), arguments.statements)
    results = describe(arguments, device) | speech.facts()
    print(f"{len(speech.packed)} clips, {speech.seconds:.0f} s; x real time by the wall clock (processor)")
    for name in arguments.networks:
        sized = size(name, params)
        results[f"recognition/{name}/parameters"] = parameters(sized.build())
        for threads in sorted({1, arguments.threads}):
            limit_threads(threads)
            prefix = f"recognition/{name}/threads_{threads}"
            costs = take_turns(contenders(speech, sized, device), arguments.rounds, device)
            results |= (found := figures(prefix, costs, speech.seconds))
            head, peers = f"{name:14} {threads} threads", ("affekt", "librosa_one_by_one")
            print_row(head, found, prefix, peers, "x_realtime", "speed_over_librosa", "6.0f")
    if arguments.out:
        write_json(arguments.out, results)


if __name__ == "__main__":
    main()
