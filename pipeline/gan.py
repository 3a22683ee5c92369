"""Train the mel GAN on the training half; what is kept is the averaged generator."""

from affekt.core.params import GanParams
from affekt.core.stage import Stage, run
from affekt.training.prior import train_prior


def main(stage: Stage) -> None:
    train_prior(stage, stage.params(GanParams))


if __name__ == "__main__":
    run(main)
