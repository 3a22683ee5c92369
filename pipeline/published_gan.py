"""Train the prototype's GAN on the training half, by its own recipe: what our GAN is compared with."""

from affekt.core.params import PublishedGanParams
from affekt.core.stage import Stage, run
from affekt.features.crops import Crops
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.models.published_gan import LATENT
from affekt.training.loop import TrainSettings, train
from affekt.training.published_gan import PublishedGanMethod


def main(stage: Stage) -> None:
    params = stage.params(PublishedGanParams)
    crops = Crops.of_half(Packed.load(stage.dep("prepared"), stage.dep("features")), "a", stage.device)
    method = PublishedGanMethod(params, crops, stage.seed("init"), stage.device)
    settings = TrainSettings(params.steps, stage.seed("training"), bf16=params.bf16, lr_key="published_gan.lr")
    result = train(method, settings, stage.work, stage.device, stage.log, stage.progress)
    config = {"latent": LATENT, "channels": params.channels}
    save_model(stage.out("published_gan"), method.generator, config, result.history)


if __name__ == "__main__":
    run(main)
