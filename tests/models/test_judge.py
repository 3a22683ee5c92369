"""The judge shares no architecture with what is optimised."""

import pytest
from any_network import untrained
from torch import nn

from affekt.models.judge import RecurrentRecogniser

SHARED = {"affekt.models.pooling", "affekt.models.normalise"}
CLIMBED = ("mel_cnn", "mel_wavenet", "mel_lstm")  # what params.yaml allows for `recogniser.network`


def own_classes(network: nn.Module) -> set[type]:
    return {type(m) for m in network.modules() if type(m).__module__.startswith("affekt.")}


@pytest.mark.parametrize("name", CLIMBED)
def test_recogniser_and_judge_share_only_pooling_and_input_scaling(name: str) -> None:
    recogniser, judge = untrained(name), untrained("judge")
    assert isinstance(judge, RecurrentRecogniser)
    assert {cls.__module__ for cls in own_classes(recogniser) & own_classes(judge)} <= SHARED
    shapes = [sorted(tuple(p.shape) for p in network.parameters()) for network in (recogniser, judge)]
    assert shapes[0] != shapes[1]


def test_the_judge_listens_by_a_gated_recurrent_unit_which_no_recogniser_has() -> None:
    assert any(isinstance(m, nn.GRU) for m in untrained("judge").modules())
    assert not any(isinstance(m, nn.GRU) for name in CLIMBED for m in untrained(name).modules())
