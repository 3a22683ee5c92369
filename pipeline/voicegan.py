"""Train VoiceGAN on the speaker embeddings of the training halves of the corpus and of the readers."""

from affekt.core.params_converting import VoiceganParams
from affekt.core.stage import Stage, run
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.training.loop import TrainSettings, train
from affekt.training.voicegan import VoiceganMethod, Voices


def main(stage: Stage) -> None:
    params = stage.params(VoiceganParams)
    corpora = [
        Packed.load(stage.dep(f"{prefix}prepared"), stage.dep(f"{prefix}features")) for prefix in ("", "reading_")
    ]
    method = VoiceganMethod(params, Voices.of_half(corpora, "a"), stage.seed("init"), stage.device)
    settings = TrainSettings(
        steps=params.steps,
        seed=stage.seed("training"),
        lr_key="voicegan.lr",
        compile=False,  # the gradient penalty is differentiated twice, which compiled networks refuse
    )
    result = train(method, settings, stage.work, stage.device, stage.log, stage.progress)
    config = {"latent": params.latent, "width": params.width}
    save_model(stage.out("voicegan"), method.generator, config, result.history)


if __name__ == "__main__":
    run(main)
