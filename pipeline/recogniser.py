"""Train the recogniser that optimisation climbs, on half a of the speakers."""

from affekt.core.params import RecogniserParams
from affekt.core.stage import Stage, run
from affekt.models.recogniser import ConvRecogniser
from affekt.training.recogniser import train_recogniser


def main(stage: Stage) -> None:
    train_recogniser(stage, ConvRecogniser, stage.params(RecogniserParams), half="a")


if __name__ == "__main__":
    run(main)
