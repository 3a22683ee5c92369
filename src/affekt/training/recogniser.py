"""Training a recogniser of any kind: random views, masks, mixup, label smoothing; AdamW."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affekt.core import seeds
from affekt.core.params import TrainingParams
from affekt.features.clips import Heard
from affekt.models.inference import predict
from affekt.training import distributed
from affekt.training.augment import Augment, mixup_weights
from affekt.training.loop import LoopState, Method, OptimSpec
from affekt.training.views import draw_views, hide

CLIP = 5.0  # gradient norm


@dataclass(frozen=True)
class RecogniserSettings:
    """The settings of one training."""

    batch: int
    lr: float
    weight_decay: float
    schedule: str
    label_smoothing: float
    mixup: float
    augment: Augment
    seed: int

    @classmethod
    def of(cls, params: TrainingParams, seed: int) -> "RecogniserSettings":
        """Take what belongs to the method, not to the network, from a section of params.yaml."""
        names = ("batch", "lr", "weight_decay", "schedule", "label_smoothing", "mixup")
        view = ("crop_frames", "speed", "pitch", "noise", "masks")
        augment = Augment(**{name: getattr(params, name) for name in view})
        return cls(**{name: getattr(params, name) for name in names}, augment=augment, seed=seed)


class RecogniserMethod(Method):
    """Cross-entropy on soft labels; clips are drawn without replacement within an epoch.

    `validation`: clips of other training speakers, which the plateau schedule watches.
    """

    def __init__(
        self,
        network: nn.Module,
        clips: Heard,
        settings: RecogniserSettings,
        classes: int,
        validation: Heard | None = None,
    ):
        self.modules = {"recogniser": network}
        self.clips, self.settings, self.classes, self.validation = clips, settings, classes, validation
        self.steps_per_epoch = max(1, len(clips.label_B) // settings.batch)

    def optimisers(self) -> dict[str, OptimSpec]:
        s = self.settings
        spec = OptimSpec(("recogniser",), lr=s.lr, weight_decay=s.weight_decay, schedule=s.schedule, clip=CLIP)
        return {"recogniser": spec}

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        chosen_B = self._choose(step)
        augment, smoothing = self.settings.augment, self.settings.label_smoothing
        x, lengths_B = draw_views(self.clips, chosen_B, augment, rng)
        target_BE = F.one_hot(self.clips.label_B[chosen_B], self.classes).float()
        target_BE = target_BE * (1 - smoothing) + smoothing / self.classes
        partner_B, weight_B = mixup_weights(len(chosen_B), self.settings.mixup, rng, x.device)
        x = hide(x, self.clips, augment, rng)
        share = weight_B.view(-1, *[1] * (x.dim() - 1))
        mixed = share * x + (1 - share) * x[partner_B]
        mixed_BE = weight_B[:, None] * target_BE + (1 - weight_B)[:, None] * target_BE[partner_B]
        return {"x": mixed, "lengths": lengths_B, "target": mixed_BE}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        with state.autocast():
            logits_BE = self.modules["recogniser"](batch["x"], batch["lengths"])
        loss = F.cross_entropy(logits_BE.float(), batch["target"])
        state.update("recogniser", loss)
        hit = (logits_BE.argmax(1) == batch["target"].argmax(1)).float().mean()
        return {"recognise/loss": loss, "recognise/train_accuracy": hit}

    def validate(self) -> float:
        """Mean cross-entropy of the validation clips, whole and unchanged."""
        assert self.validation is not None, "the plateau schedule needs validation clips"
        logits_BE = predict(self.modules["recogniser"], self.validation)
        self.modules["recogniser"].train()
        return float(F.cross_entropy(logits_BE.float(), self.validation.label_B))

    def _choose(self, step: int) -> Tensor:
        epoch, place = divmod(step, self.steps_per_epoch)
        shuffled = seeds.generator(self.settings.seed, "epoch", epoch, distributed.rank())
        order = torch.randperm(len(self.clips.label_B), generator=shuffled)
        batch = self.settings.batch
        return order[place * batch : (place + 1) * batch].to(self.clips.label_B.device)
