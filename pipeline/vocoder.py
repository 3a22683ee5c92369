"""Train the iSTFT vocoder on the audio of the training half."""

from affekt.core.files import load_array, load_table
from affekt.core.params import VocoderParams
from affekt.core.stage import Stage, run
from affekt.models.io import save_model
from affekt.training.loop import TrainSettings, train
from affekt.training.vocoder import VocoderMethod


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(VocoderParams)
    prepared = stage.dep("prepared")
    clips = load_table(prepared / "clips.parquet")
    clips = clips[clips["half"] == "a"]
    method = VocoderMethod(
        params,
        load_array(prepared / "audio.npy"),
        clips["offset"].to_numpy(),
        clips["frames"].to_numpy(),
        stage.seed("init"),
        device,
    )
    settings = TrainSettings(steps=params.steps, seed=stage.seed("training"), lr_key="vocoder.lr")
    result = train(method, settings, stage.work, device, stage.log, stage.progress)
    config = {"channels": params.channels, "blocks": params.blocks}
    save_model(stage.out("vocoder"), method.vocoder, config, result.history)


if __name__ == "__main__":
    run(main)
