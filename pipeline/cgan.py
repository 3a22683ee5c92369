"""Train the conditional mel GAN on the training half: the class of a sample is wished, not only found."""

from affekt.core.params import CganParams
from affekt.core.stage import Stage, run
from affekt.training.prior import train_prior


def main(stage: Stage) -> None:
    params = stage.params(CganParams)
    train_prior(stage, params, params.condition)


if __name__ == "__main__":
    run(main)
