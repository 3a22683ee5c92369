"""Train the iSTFT vocoder on the audio of the training halves of the corpus and of the readers."""

from affekt.core.params import VocoderParams
from affekt.core.stage import Stage, run
from affekt.models.io import save_model
from affekt.training.loop import TrainSettings, train
from affekt.training.segments import training_half
from affekt.training.vocoder import VocoderMethod


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(VocoderParams)
    corpora = [training_half(stage.dep(name)) for name in ("prepared", "reading_prepared")]
    method = VocoderMethod(params, corpora, stage.seed("init"), device)
    settings = TrainSettings(
        steps=params.steps,
        seed=stage.seed("training"),
        ema={"vocoder": params.ema} if params.ema else {},
        bf16=params.bf16,
        lr_key="vocoder.lr",
    )
    result = train(method, settings, stage.work, device, stage.log, stage.progress)
    if params.ema:
        method.vocoder.load_state_dict(result.ema["vocoder"])
    config = {name: getattr(params, name) for name in ("channels", "blocks", "refine", "match")}
    save_model(stage.out("vocoder"), method.vocoder, config, result.history)


if __name__ == "__main__":
    run(main)
