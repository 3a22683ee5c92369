"""Did a dream do what it says: does the layer respond more to the sound, and what does the network call it now?

All of it is measured on the sound that was made, analysed anew: a spectrogram that no sound has is no success.
Axes: B sounds, T samples, E classes.
"""

from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from affekt.corpora.table import GENDERS
from affekt.features.spectrogram import invert
from affekt.optimise.dream import Ear, Wish
from affekt.optimise.layers import activation, find_layer
from affekt.optimise.tiles import Tile, mean_over_tiles

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Response:
    """What a network makes of sounds."""

    activation: Tensor  # (B,) mean of the wished layer or channel
    belief: Tensor  # (B, E) probability of each class, mean over tiles


@torch.no_grad()
def respond(ear: Ear, wish: Wish, wave_BT: Tensor) -> Response:
    """Hear sounds in tiles as the dream does, without jitter."""
    layer = find_layer(ear.layers(), wish.layer, wish.channel)

    def of_tile(wave_BT: Tensor, tile: Tile) -> Tensor:
        heard = ear.hear(wave_BT)
        activation_B = activation(ear.network, layer, wish.channel, heard)
        return torch.cat([activation_B[:, None], ear.network(heard).softmax(dim=-1)], dim=1)

    longest = wish.tile_frames * ear.resolution.hop_length
    found = mean_over_tiles(of_tile, wave_BT, longest).cpu()
    return Response(found[:, 0], found[:, 1:])


def snr_db(reference_BT: Tensor, estimate_BT: Tensor) -> Tensor:
    """Signal-to-noise ratio (B,): how much weaker than the reference the difference to it is."""
    noise_B = (reference_BT - estimate_BT).square().mean(dim=-1)
    return 10 * torch.log10(reference_BT.square().mean(dim=-1) / noise_B)


def snr_undreamed(ear: Ear, wave_BT: Tensor) -> Tensor:
    """What analysis and its inverse cost, without a dream between: SNR (B,) in dB."""
    return snr_db(wave_BT, invert(*ear.analyse(wave_BT), wave_BT.shape[-1], ear.resolution)).cpu()


def compare(before: Response, after: Response, label_B: Tensor) -> dict[str, Tensor]:
    """Per sound (B,): activation before, after and whether it rose; belief in the sound's true class."""
    rows = torch.arange(len(label_B))
    return {
        "activation_before": before.activation,
        "activation_after": after.activation,
        "activation_rose": (after.activation > before.activation).float(),
        "gender_before": before.belief[rows, label_B],
        "gender_after": after.belief[rows, label_B],
    }


def choose_clips(clips: "pd.DataFrame", count: int, samples: int) -> list[int]:
    """Rows of a clip table: women and men in turn, every speaker once before one comes again.

    Of each speaker come first the clips that hold so many samples, by their names; then the others, the longest first.
    """
    queues = []
    for gender in GENDERS:
        own = clips.reset_index(drop=True)[(clips["gender"] == gender).to_numpy()]
        missing = (samples - own["frames"]).clip(lower=0)
        ordered = own.assign(missing=missing).sort_values(["missing", "clip_id"], kind="stable")
        turn = ordered.groupby("speaker").cumcount()
        queues.append(ordered.assign(turn=turn).sort_values(["turn", "speaker"], kind="stable").index.tolist())
    in_turn = [row for row in chain.from_iterable(zip_longest(*queues)) if row is not None]
    return in_turn[:count]
