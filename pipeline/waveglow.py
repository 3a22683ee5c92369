"""Train WaveGlow, the flow that the prototypes spoke with, on the training halves of the corpus and of the readers."""

from affekt.core.params import WaveGlowParams
from affekt.core.stage import Stage, run
from affekt.models.io import save_model
from affekt.training.loop import TrainSettings, train
from affekt.training.segments import training_half
from affekt.training.waveglow import WaveGlowMethod


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(WaveGlowParams)
    corpora = [training_half(stage.dep(name)) for name in ("prepared", "reading_prepared")]
    method = WaveGlowMethod(params, corpora, stage.seed("init"), device)
    settings = TrainSettings(steps=params.steps, seed=stage.seed("training"), bf16=params.bf16, lr_key="waveglow.lr")
    result = train(method, settings, stage.work, device, stage.log, stage.progress)
    save_model(stage.out("waveglow"), method.waveglow, method.config, result.history)


if __name__ == "__main__":
    run(main)
