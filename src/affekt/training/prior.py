"""From a stage's params to a trained prior: how the stages `gan` and `cgan` train, alike but for the classes."""

from typing import TYPE_CHECKING

from affekt.core import seeds
from affekt.core.params import GanParams
from affekt.features.crops import Crops
from affekt.features.labels import CLASSES, labels_of
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.training.gan import GanMethod, averaged_generator
from affekt.training.loop import TrainSettings, train

if TYPE_CHECKING:
    from affekt.core.stage import Stage


def train_prior(stage: "Stage", params: GanParams, condition: str | None = None) -> None:
    """Train a GAN on half a and save its averaged generator as the stage's out.

    `condition`: what the classes are, as `labels_of` knows them; None for a GAN without.
    """
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    crops = Crops.of_half(packed, "a", stage.device)
    label_N = None if condition is None else labels_of(packed.clips[packed.clips["half"] == "a"], condition)
    classes = CLASSES[condition] if condition else 0
    method = GanMethod(params, crops, stage.seed("init"), stage.device, label_N, classes)
    settings = TrainSettings(
        steps=params.steps,
        seed=stage.seed("training"),
        ema={"generator": params.ema},
        bf16=params.bf16,
        lr_key=f"{stage.name}.lr",
        compile=False,  # the gradient penalty is differentiated twice, which compiled networks refuse
    )
    result = train(method, settings, stage.work, stage.device, stage.log, stage.progress)
    generator = averaged_generator(method, result.ema["generator"], seeds.generator(stage.seed("statistics")))
    config = {"latent": params.latent, "channels": params.channels, "classes": classes}
    save_model(stage.out(stage.name), generator, config, result.history)
