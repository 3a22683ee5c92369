"""Whether a content network hears what unseen speakers say, and how far its posteriors differ between real clips.

Axes: N clips, C classes (statement * segments + part), F outputs of the network, K pairs of clips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.corpora.table import EMOTIONS
from affekt.features.alignment import Aligned, classes_of
from affekt.features.crops import N_FRAMES, Crops
from affekt.features.mel import denormalise
from affekt.features.packed import Packed
from affekt.models.blocks import FRAME_STRIDE
from affekt.models.content import ContentNetwork, pool_statements
from affekt.optimise.content import agreement, drift, near

BATCH = 32
SAME_EMOTION, OTHER_EMOTION, OTHER_STATEMENT = "same_emotion", "other_emotion", "other_statement"
PAIRS = (SAME_EMOTION, OTHER_EMOTION, OTHER_STATEMENT)  # what a clip is beside a neutral one of the same speaker


@dataclass(frozen=True)
class Listened:
    """What a network makes of clips: log-posteriors, true classes and places in the statement of the valid outputs."""

    log_posterior_NCF: list[Tensor]
    class_NF: list[Tensor]
    place_NF: list[Tensor]
    statement_N: np.ndarray  # true index


@torch.no_grad()
def listen(network: ContentNetwork, clips: Aligned) -> Listened:
    """Let a network hear whole clips, in eval mode; batches of clips of like length."""
    network.eval()
    log_NCF: list[Tensor] = [torch.empty(0)] * len(clips.frames_B)
    for rows_B in clips.frames_B.sort(stable=True).indices.split(BATCH):
        x_BMF, frames_B = clips.whole(rows_B)
        for row, log_CF, frames in zip(
            rows_B.tolist(), network.log_posteriors(x_BMF, frames_B), frames_B.tolist(), strict=True
        ):
            log_NCF[row] = log_CF[:, : outputs_of(frames)].cpu()
    inside_BF = torch.ones_like(clips.place_BF, dtype=torch.bool)
    class_BF = classes_of(clips.statement_B, clips.place_BF, inside_BF, network.segments)
    spans = [slice(0, frames, FRAME_STRIDE) for frames in clips.frames_B.tolist()]
    class_NF, place_NF = (
        [x_F[span].cpu() for x_F, span in zip(x_BF, spans, strict=True)] for x_BF in (class_BF, clips.place_BF)
    )
    return Listened(log_NCF, class_NF, place_NF, clips.statement_B.cpu().numpy())


def outputs_of(frames: int) -> int:
    """Outputs of the network for a clip of so many frames."""
    return -(-frames // FRAME_STRIDE)


def measure_content(
    network: ContentNetwork, packed: Packed, rows: np.ndarray, references: Mapping[str, int]
) -> dict[str, float]:
    """Return accuracies on these rows with the chance of each, and drifts between their clips.

    `statement_accuracy`: of whole clips, and for each emotion `emotion/<emotion>/statement_accuracy`; `windows/`: of
    their middle 160 frames, with silence around shorter clips, as samples are heard. `frame_accuracy`: of frames;
    `_within_1` counts a neighbouring part of the statement as right. `<accuracy>_chance`: of the best answer that is
    always the same. `drift/` and `agreement/`: see `compare_pairs`.
    """
    device = next(network.parameters()).device
    heard = listen(network, Aligned.of(packed, rows, references, device))
    named_N = name_statements(network, heard)
    right_N = named_N == heard.statement_N
    window_N = name_windows(network, packed, rows, device)
    statement_chance = majority(heard.statement_N)
    figures = {
        "clips": float(len(rows)),
        "statement_accuracy": float(right_N.mean()),
        "statement_accuracy_chance": statement_chance,
        "windows/statement_accuracy": float((window_N == heard.statement_N).mean()),
        "windows/statement_accuracy_chance": statement_chance,
        **score_frames(heard, network.segments),
    }
    emotion_N = packed.clips["emotion"].to_numpy()[rows]
    for emotion in EMOTIONS:
        if (emotion_N == emotion).any():
            figures[f"emotion/{emotion}/statement_accuracy"] = float(right_N[emotion_N == emotion].mean())
    pairs = pair_clips(packed.clips["speaker"].to_numpy()[rows], emotion_N, heard.statement_N)
    return figures | compare_pairs(heard, pairs, network.segments)


def name_statements(network: ContentNetwork, heard: Listened) -> np.ndarray:
    """Return the likeliest statement of each clip."""
    pooled = [pool_statements(log_CF[None], network.segments)[0] for log_CF in heard.log_posterior_NCF]
    return torch.stack(pooled).argmax(1).numpy()


@torch.no_grad()
def name_windows(network: ContentNetwork, packed: Packed, rows: np.ndarray, device: torch.device) -> np.ndarray:
    """Return the likeliest statement of the middle window of each clip, heard without being told where it ends."""
    crops = Crops.of(packed.mel, packed.offsets[rows], packed.frames[rows], device)
    start_B = torch.div(crops.frames - N_FRAMES, 2, rounding_mode="floor")
    parts = [
        network.statement_logits(denormalise(crops.cut(clip_B, start_B[clip_B]))).argmax(1).cpu()
        for clip_B in torch.arange(len(rows)).split(BATCH)
    ]
    return torch.cat(parts).numpy()


def score_frames(heard: Listened, segments: int) -> dict[str, float]:
    """Accuracy over all frames of all clips, exact and within a part, each with that of the best constant answer."""
    truth_F = torch.cat(heard.class_NF)
    answer_F = torch.cat([log_CF.argmax(0) for log_CF in heard.log_posterior_NCF])
    constants = torch.arange(len(heard.log_posterior_NCF[0]))[:, None]
    return {
        "frame_accuracy": float((answer_F == truth_F).double().mean()),
        "frame_accuracy_chance": majority(truth_F.numpy()),
        "frame_accuracy_within_1": float(near(truth_F, answer_F, segments).double().mean()),
        "frame_accuracy_within_1_chance": float(near(constants, truth_F[None], segments).double().mean(1).max()),
    }


def majority(label_N: np.ndarray) -> float:
    """Share of the most frequent label: the accuracy of the best answer that is always the same."""
    return float(np.bincount(label_N).max() / len(label_N))


def pair_clips(
    speaker_N: Sequence[str] | np.ndarray, emotion_N: Sequence[str] | np.ndarray, statement_N: np.ndarray
) -> dict[str, list[tuple[int, int]]]:
    """Return pairs of clips of one speaker by kind: the first neutral one of a statement, and another one.

    The other one has the same statement in neutral (a repetition) or in another emotion, or another statement in
    neutral. Kinds without a pair are left out.
    """
    speaker_N, emotion_N = np.asarray(speaker_N), np.asarray(emotion_N)
    neutral_N = emotion_N == "neutral"
    pairs: dict[str, list[tuple[int, int]]] = {kind: [] for kind in PAIRS}
    for speaker in np.unique(speaker_N):
        for statement in np.unique(statement_N):
            own_N, same_N = speaker_N == speaker, statement_N == statement
            starts = np.flatnonzero(own_N & same_N & neutral_N)
            if len(starts) == 0:
                continue
            kinds = (own_N & same_N & neutral_N, own_N & same_N & ~neutral_N, own_N & ~same_N & neutral_N)
            for kind, chosen_N in zip(PAIRS, kinds, strict=True):
                pairs[kind] += [(int(starts[0]), int(i)) for i in np.flatnonzero(chosen_N) if i != starts[0]]
    return {kind: found for kind, found in pairs.items() if found}


def compare_pairs(heard: Listened, pairs: Mapping[str, Sequence[tuple[int, int]]], segments: int) -> dict[str, float]:
    """Return `drift/<kind>` (median over pairs, nats), its 95th percentile `_high`, and `agreement/<kind>` (mean).

    Clips differ in length: each output of the first is compared with that of the second whose place in its statement
    is nearest. It is the scale for a drift of a voice that is optimised, frame by frame, from a start.
    """
    figures = {}
    for kind, chosen in pairs.items():
        together = [_side_by_side(heard, first, second) for first, second in chosen]
        drifts = torch.cat([drift(*both) for both in together])
        agreements = torch.cat([agreement(*both, segments) for both in together])
        figures[f"drift/{kind}"] = float(drifts.double().quantile(0.5))
        figures[f"drift/{kind}_high"] = float(drifts.double().quantile(0.95))
        figures[f"agreement/{kind}"] = float(agreements.double().mean())
    return figures


def _side_by_side(heard: Listened, first: int, second: int) -> tuple[Tensor, Tensor]:
    apart_FF = (heard.place_NF[first][:, None] - heard.place_NF[second][None]).abs()
    nearest_F = apart_FF.argmin(1)
    return heard.log_posterior_NCF[first][None], heard.log_posterior_NCF[second][None, :, nearest_F]
