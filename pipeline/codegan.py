"""Train CodeGAN on the codes that SpeechSplit makes of the training half of the corpus."""

from affekt.core.files import write_json
from affekt.core.params import CodeganParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.features.packed import Packed
from affekt.models.io import load_model, save_model
from affekt.models.speechsplit import SpeechSplit
from affekt.training.codegan import CodeganMethod
from affekt.training.loop import TrainSettings, train


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(CodeganParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    split = load_model(stage.dep("speechsplit"), SpeechSplit, device)
    method = CodeganMethod(params, split, packed, stage.seed("init"), device)
    settings = TrainSettings(
        steps=params.steps,
        seed=stage.seed("training"),
        lr_key="codegan.lr",
        compile=False,  # the gradient penalty is differentiated twice, which compiled networks refuse
    )
    history = train(method, settings, stage.work, device, stage.log, stage.progress).history
    save_model(stage.out("codegan"), method.generator, method.config, history)
    write_json(stage.out("codegan") / "emotions.json", [EMOTIONS[label] for label in method.emotions])


if __name__ == "__main__":
    run(main)
