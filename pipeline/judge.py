"""Train the judge, another architecture, on half b of the speakers; no loss ever sees it."""

from affekt.core.params import JudgeParams
from affekt.core.stage import Stage, run
from affekt.models.judge import RecurrentRecogniser
from affekt.training.recogniser import train_recogniser


def main(stage: Stage) -> None:
    train_recogniser(stage, RecurrentRecogniser, stage.params(JudgeParams), half="b")


if __name__ == "__main__":
    run(main)
