"""Pairs of recordings and wishes through the networks that convert, to mels: translated, recoded, or climbed.

Axes: B batch, E emotions, M mel bands, F frames.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.files import load_tensors, save_tensors
from affekt.core.progress import Progress, quiet
from affekt.evaluate.conversion_pairs import Pair
from affekt.features.packed import Packed
from affekt.models.codegan import CodeGenerator
from affekt.models.conversion import Utterance, cut, detail_of, put_together, recode, take_apart, utterance_of
from affekt.models.speechsplit import STEP, Codes, SpeechSplit
from affekt.models.translation import nearest_emotion, translate
from affekt.models.translator import Translator
from affekt.optimise.codes import cut_codes, optimise_codes
from affekt.optimise.engine import Settings
from affekt.optimise.resynthesis import fit
from affekt.optimise.trajectory import Trajectory

CLIMBED = ("recogniser_mel_cnn", "recogniser_mel_wavenet", "recogniser_mel_lstm")  # of models/


def read_utterance(packed: Packed, row: int, device: torch.device) -> Utterance:
    """Take a clip of a packed corpus."""
    span = packed.span(row)
    return utterance_of(packed.mel[span], packed.f0[span], packed.speaker[row], device)


def each_source(pairs: Sequence[Pair]) -> list[Pair]:
    """Return one pair of every source, which is the same in all of them."""
    return list({one.source: one for one in pairs}.values())


def together_pairs(
    model: SpeechSplit, packed: Packed, pairs: Sequence[Pair], device: torch.device, progress: Progress = quiet
) -> list[Tensor]:
    """Return a raw log mel for each pair, of codes that are left as they are: where recoding and climbing start."""
    return convert_codes(model, packed, pairs, device, lambda codes, *_: codes, progress)


def translate_pairs(
    translator: Translator, packed: Packed, pairs: Sequence[Pair], learnt: Sequence[int], strength: float,
    device: torch.device, progress: Progress = quiet,
) -> list[Tensor]:  # fmt: skip
    """Return a raw log mel for each pair; all that a clip is to become in one intensity is drawn at once.

    `learnt`: the emotions that the translator knows, indices of EMOTIONS.
    """
    strong = (packed.clips["intensity"] == "strong").to_numpy()
    wishes: dict[int, dict[int, list[int]]] = {}
    for i, one in enumerate(pairs):
        wishes.setdefault(one.source, {}).setdefault(int(strong[one.target]), []).append(i)
    found: dict[int, Tensor] = {}
    for row, by_intensity in progress(wishes.items(), "translating", total=len(wishes)):
        utterance = read_utterance(packed, row, device)
        own = nearest_emotion(translator, [utterance], learnt)
        for intensity, wanted in by_intensity.items():
            emotions = [pairs[i].emotion for i in wanted]
            mels = translate(translator, utterance, emotions, own, intensity, strength)
            found |= dict(zip(wanted, mels, strict=True))
    return [found[i] for i in range(len(pairs))]


def recode_pairs(
    model: SpeechSplit, codegan: CodeGenerator, packed: Packed, pairs: Sequence[Pair], device: torch.device,
    progress: Progress = quiet,
) -> list[Tensor]:  # fmt: skip
    """Return a raw log mel for each pair, of codes of melody and timing that are given the wanted emotion."""

    def convert(codes: Codes, frames_B: Tensor, label_B: Tensor, detail_BMF: Tensor, name: str) -> Codes:
        return recode(codegan, codes, frames_B, label_B)

    return convert_codes(model, packed, pairs, device, convert, progress)


def climb_pairs(
    model: SpeechSplit, recognisers: Sequence[nn.Module], packed: Packed, pairs: Sequence[Pair], settings: Settings,
    prior_weight: float, work: Path, device: torch.device, progress: Progress = quiet,
) -> tuple[list[Tensor], Tensor]:  # fmt: skip
    """Return a raw log mel for each pair, of codes that climbed, and the mean belief in what is wanted over steps."""
    scores: list[Tensor] = []

    def convert(codes: Codes, frames_B: Tensor, label_B: Tensor, detail_BMF: Tensor, name: str) -> Codes:
        place = work / f"{name}-{device.type}"  # another device climbs to other bits
        place.mkdir(parents=True, exist_ok=True)
        climbed, way = optimise_codes(
            model, recognisers, codes, frames_B, label_B, settings, prior_weight, place, detail_BMF=detail_BMF
        )
        scores.append(belief_of(way))
        return climbed

    mels = convert_codes(model, packed, pairs, device, convert, progress)
    return mels, torch.cat(scores, 1).mean(1)


def belief_of(trajectory: Trajectory) -> Tensor:
    """The recognisers' belief in the wanted emotion, (steps + 1, B)."""
    return trajectory.history["score"]


def convert_codes(
    model: SpeechSplit, packed: Packed, pairs: Sequence[Pair], device: torch.device,
    convert: Callable[[Codes, Tensor, Tensor, Tensor, str], Codes], progress: Progress,
) -> list[Tensor]:  # fmt: skip
    """Take sources apart, convert their codes and put them together, with what codes do not hold of the sources.

    `convert` is given codes, frames, labels, the detail and a name for the group.

    Clips of as many steps of codes go together: none is followed by silence, which encoders would hear.
    """
    found: dict[int, Tensor] = {}
    groups = list(groups_of(packed, pairs))
    for steps, wanted in progress(groups, "converting codes", total=len(groups)):
        rows = sorted({pairs[i].source for i in wanted})
        with torch.no_grad():
            sources = [read_utterance(packed, row, device) for row in rows]
            codes, frames_B = take_apart(model, sources)
            detail_RMF = detail_of(model, codes, [one.mel_MF for one in sources])
        at_B = torch.tensor([rows.index(pairs[i].source) for i in wanted], device=device)
        label_B = torch.tensor([pairs[i].emotion for i in wanted], device=device)
        detail_BMF = detail_RMF[at_B]
        converted = convert(cut_codes(codes, at_B, steps), frames_B[at_B], label_B, detail_BMF, f"steps{steps}")
        with torch.inference_mode():
            mels = cut(put_together(model, converted, detail_BMF), frames_B[at_B])
        found |= dict(zip(wanted, mels, strict=True))
    return [found[i] for i in range(len(pairs))]


def groups_of(packed: Packed, pairs: Sequence[Pair]) -> Iterator[tuple[int, list[int]]]:
    """Yield numbers of steps of codes, and the indices of pairs whose source has so many."""
    steps_P = [-(-int(packed.frames[one.source]) // STEP) for one in pairs]
    for steps in sorted(set(steps_P)):
        yield steps, [i for i, own in enumerate(steps_P) if own == steps]


@torch.inference_mode()
def voice(vocoder: nn.Module, mels: Sequence[Tensor], progress: Progress = quiet) -> list[np.ndarray]:
    """Speak raw log mels (M, F): float32 waveforms that do not clip."""
    spoken = (vocoder(mel_MF[None])[0].cpu().numpy() for mel_MF in progress(mels, "vocoding", total=len(mels)))
    return [fit(wave_T)[0] for wave_T in spoken]


def keep_waves(path: Path, make: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
    """Return the waveforms of a file in a work folder, which is of these inputs alone; made if there is none."""
    if not path.is_file():
        waves = make()
        save_tensors(path, {str(i): torch.from_numpy(wave_T) for i, wave_T in enumerate(waves)})
    tensors, _ = load_tensors(path)
    return [tensors[str(i)].numpy() for i in range(len(tensors))]
