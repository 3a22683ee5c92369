"""Training a recogniser: random views, masks, mixup, label smoothing; one cycle of AdamW."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affekt.core import seeds
from affekt.core.params import RecogniserParams
from affekt.core.stage import Stage
from affekt.corpora.table import EMOTIONS
from affekt.features.clips import Clips
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.training import distributed
from affekt.training.augment import mask, mixup_weights, random_views
from affekt.training.loop import LoopState, Method, OptimSpec, TrainSettings, train

CLIP = 5.0  # gradient norm


@dataclass(frozen=True)
class RecogniserSettings:
    """The settings of one training, as in params.yaml."""

    batch: int
    lr: float
    weight_decay: float
    crop_frames: int
    label_smoothing: float
    mixup: float
    seed: int

    @classmethod
    def of(cls, params: RecogniserParams, seed: int) -> "RecogniserSettings":
        """Take what belongs to the training, not to the network, from a section of params.yaml."""
        names = [name for name in cls.__dataclass_fields__ if name != "seed"]
        return cls(**{name: getattr(params, name) for name in names}, seed=seed)


class RecogniserMethod(Method):
    """Cross-entropy on soft labels; clips are drawn without replacement within an epoch."""

    def __init__(self, network: nn.Module, clips: Clips, settings: RecogniserSettings):
        self.modules = {"recogniser": network}
        self.clips, self.settings = clips, settings
        self.steps_per_epoch = max(1, len(clips.label_B) // settings.batch)

    def optimisers(self) -> dict[str, OptimSpec]:
        s = self.settings
        spec = OptimSpec(("recogniser",), lr=s.lr, weight_decay=s.weight_decay, schedule="one_cycle", clip=CLIP)
        return {"recogniser": spec}

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        epoch, place = divmod(step, self.steps_per_epoch)
        shuffled = seeds.generator(self.settings.seed, "epoch", epoch, distributed.rank())
        order = torch.randperm(len(self.clips.label_B), generator=shuffled)
        chosen = order[place * self.settings.batch : (place + 1) * self.settings.batch].to(self.clips.label_B.device)
        mel_BMF, frames_B = random_views(
            self.clips.mel_BFM[chosen], self.clips.frames_B[chosen], self.settings.crop_frames, rng
        )
        target_BE = F.one_hot(self.clips.label_B[chosen], len(EMOTIONS)).float()
        target_BE = target_BE * (1 - self.settings.label_smoothing) + self.settings.label_smoothing / len(EMOTIONS)
        partner_B, weight_B = mixup_weights(len(chosen), self.settings.mixup, rng, mel_BMF.device)
        mel_BMF = mask(mel_BMF, rng)
        mixed_BMF = weight_B[:, None, None] * mel_BMF + (1 - weight_B)[:, None, None] * mel_BMF[partner_B]
        mixed_BE = weight_B[:, None] * target_BE + (1 - weight_B)[:, None] * target_BE[partner_B]
        return {"mel": mixed_BMF, "frames": frames_B, "target": mixed_BE}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        with state.autocast():
            logits_BE = self.modules["recogniser"](batch["mel"], batch["frames"])
        loss = F.cross_entropy(logits_BE.float(), batch["target"])
        state.update("recogniser", loss)
        hit = (logits_BE.argmax(1) == batch["target"].argmax(1)).float().mean()
        return {"recognise/loss": loss, "recognise/train_accuracy": hit}


def train_recogniser(stage: Stage, network_class: type[nn.Module], params: RecogniserParams, half: str) -> None:
    """Train a network of this class on one half of the speakers; save it as the out named like the stage."""
    device = stage.device
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    torch.manual_seed(stage.seed("init"))
    config = {"channels": params.channels, "emotions": len(EMOTIONS), "dropout": params.dropout}
    network = network_class(**config).to(device)
    settings = RecogniserSettings.of(params, stage.seed("batches"))
    method = RecogniserMethod(network, Clips.of_half(packed, half, device), settings)
    loop = TrainSettings(steps=params.epochs * method.steps_per_epoch, seed=stage.seed("training"), bf16=params.bf16)
    result = train(method, loop, stage.work, device, stage.log, stage.progress)
    save_model(stage.out(stage.name), network, config, result.history)
