"""Train the mel GAN on the training half; what is kept is the averaged generator."""

from affekt.core import seeds
from affekt.core.params import GanParams
from affekt.core.stage import Stage, run
from affekt.features.crops import Crops
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.training.gan import GanMethod, averaged_generator
from affekt.training.loop import TrainSettings, train


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(GanParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    half = (packed.clips["half"] == "a").to_numpy()
    crops = Crops.of(packed.mel, packed.offsets[half], packed.frames[half], device)
    method = GanMethod(params, crops, stage.seed("init"), device)
    settings = TrainSettings(
        steps=params.steps,
        seed=stage.seed("training"),
        ema={"generator": params.ema},
        bf16=params.bf16,
        lr_key="gan.lr",
        compile=False,  # the gradient penalty is differentiated twice, which compiled networks refuse
    )
    result = train(method, settings, stage.work, device, stage.log, stage.progress)
    rng = seeds.generator(stage.seed("statistics"))
    generator = averaged_generator(method, result.ema["generator"], rng)
    config = {"latent": params.latent, "channels": params.channels}
    save_model(stage.out("gan"), generator, config, result.history)


if __name__ == "__main__":
    run(main)
