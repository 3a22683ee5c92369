"""Training a content network: random views of aligned clips, frame-wise cross-entropy; AdamW.

Axes: B clips, C classes, M mel bands, F frames. A view's frames keep the places in the statement of the frames that
they read, so what stretches a clip in time stretches its labels.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affekt.core import seeds
from affekt.core.params import ContentParams, TrainingParams
from affekt.core.progress import Progress
from affekt.features.alignment import OUTSIDE, Aligned, classes_of, find_references
from affekt.features.mel import LOG_FLOOR
from affekt.features.packed import Packed
from affekt.models.blocks import FRAME_STRIDE
from affekt.models.content import ContentNetwork
from affekt.training import distributed
from affekt.training.augment import draw, draw_times, mask, view_at
from affekt.training.loop import Log, LoopState, Method, OptimSpec, TrainSettings, train
from affekt.training.recogniser import CLIP, RecogniserSettings

SILENCE = 40  # frames, at most, that half of the views have before and after the clip: windows of samples have them too
QUIET = math.log(LOG_FLOOR)


class ContentMethod(Method):
    """Cross-entropy of every valid frame's class; clips are drawn without replacement within an epoch.

    There is no mixup: two statements at once have no place in either.
    """

    def __init__(self, network: ContentNetwork, clips: Aligned, settings: RecogniserSettings):
        self.modules = {"content": network}
        self.network, self.settings = network, settings
        # A frame of silence at both ends: what lies outside of a clip is read there.
        self.mel_BFM = F.pad(clips.mel_BFM, (0, 0, 1, 1), value=QUIET)
        self.clips = clips
        self.steps_per_epoch = max(1, len(clips.frames_B) // settings.batch)

    def optimisers(self) -> dict[str, OptimSpec]:
        s = self.settings
        return {
            "content": OptimSpec(("content",), lr=s.lr, weight_decay=s.weight_decay, schedule=s.schedule, clip=CLIP)
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        chosen_B, augment = self._choose(step), self.settings.augment
        frames_B = self.clips.frames_B[chosen_B]
        silence_B = draw(rng, (len(chosen_B),), -SILENCE, SILENCE, frames_B.device).clamp(min=0).long()
        time_BF, valid_B = draw_times(frames_B + 2 * silence_B, augment, rng)
        time_BF = time_BF - silence_B[:, None]
        last = self.mel_BFM.shape[1] - 1
        x_BMF = view_at(self.mel_BFM[chosen_B], (time_BF + 1).clamp(0, last), augment, rng)
        if augment.masks:
            x_BMF = mask(x_BMF, rng)
        return {"x": x_BMF, "lengths": valid_B, "class": self._classes(chosen_B, time_BF, valid_B)}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        with state.autocast():
            logits_BCF = self.network(batch["x"], batch["lengths"])
        inside_BF = batch["class"] != OUTSIDE
        logits_NC, class_N = logits_BCF.transpose(1, 2)[inside_BF].float(), batch["class"][inside_BF]
        loss = F.cross_entropy(logits_NC, class_N, label_smoothing=self.settings.label_smoothing)
        state.update("content", loss)
        return {"content/loss": loss, "content/train_accuracy": (logits_NC.argmax(1) == class_N).float().mean()}

    def _classes(self, chosen_B: Tensor, time_BF: Tensor, valid_B: Tensor) -> Tensor:
        """Class of each output of the network (B, F / 4): that of the clip's frame nearest to what it reads."""
        time_BF = time_BF[:, ::FRAME_STRIDE]
        frame_BF, last_B1 = time_BF.round().long(), self.clips.frames_B[chosen_B, None] - 1
        index_F = FRAME_STRIDE * torch.arange(time_BF.shape[1], device=time_BF.device)
        inside_BF = (frame_BF >= 0) & (frame_BF <= last_B1) & (index_F < valid_B[:, None])
        place_BF = self.clips.place_BF[chosen_B].gather(1, torch.minimum(frame_BF.clamp(min=0), last_B1))
        return classes_of(self.clips.statement_B[chosen_B], place_BF, inside_BF, self.network.segments)

    def _choose(self, step: int) -> Tensor:
        epoch, place = divmod(step, self.steps_per_epoch)
        shuffled = seeds.generator(self.settings.seed, "epoch", epoch, distributed.rank())
        order = torch.randperm(len(self.clips.frames_B), generator=shuffled)
        batch = self.settings.batch
        return order[place * batch : (place + 1) * batch].to(self.clips.frames_B.device)


@dataclass
class FittedContent:
    """A trained network, the scalars that rebuild it, its scalars over steps, and its statements with their clips."""

    network: ContentNetwork
    config: dict[str, Any]
    history: dict[str, list[float]]
    references: dict[str, int]  # row of the reference clip of each statement, in the order of the network's statements


def fit_content(
    packed: Packed, rows: np.ndarray, content: ContentParams, training: TrainingParams, seed: int,
    work: Path, device: torch.device, log: Log, progress: Progress,
) -> FittedContent:  # fmt: skip
    """Align these rows of a corpus and train a network on them to its end, from the checkpoint in `work` if any."""
    references = find_references(packed, rows)
    clips = Aligned.of(packed, rows, references, device)
    torch.manual_seed(seeds.derive(seed, "init"))
    config: dict[str, Any] = {"statements": len(references), "segments": content.segments, "channels": content.channels}
    config |= {name: getattr(training, name) for name in ("dropout", "norm", "residual")}
    network = ContentNetwork(**config).to(device)
    # A plateau would hold speakers out of training; the schedule of the recognisers is their own affair.
    fixed = training.model_copy(update={"schedule": "one_cycle"})
    method = ContentMethod(network, clips, RecogniserSettings.of(fixed, seeds.derive(seed, "batches")))
    loop = TrainSettings(
        steps=content.steps, seed=seeds.derive(seed, "training"), bf16=training.bf16, lr_key="training.lr"
    )
    return FittedContent(network, config, train(method, loop, work, device, log, progress).history, references)
