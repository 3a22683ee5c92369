"""Train SpeechSplit on the training halves of the corpus and of the readers."""

from affekt.core.params import SpeechSplitParams
from affekt.core.stage import Stage, run
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.training.loop import TrainSettings, train
from affekt.training.speechsplit import SpeechSplitMethod


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(SpeechSplitParams)
    corpora = [
        Packed.load(stage.dep("prepared"), stage.dep("features")),
        Packed.load(stage.dep("reading_prepared"), stage.dep("reading_features")),
    ]
    method = SpeechSplitMethod(params, corpora, stage.seed("init"), device)
    settings = TrainSettings(steps=params.steps, seed=stage.seed("training"), bf16=params.bf16, lr_key="speechsplit.lr")
    history = train(method, settings, stage.work, device, stage.log, stage.progress).history
    config = {name: getattr(params, name) for name in ("channels", "content", "pitch", "rhythm", "decoder")}
    save_model(stage.out("speechsplit"), method.network, config, history)


if __name__ == "__main__":
    run(main)
