"""Networks on disk come back to the bit; a folder that does not fit is refused by file."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from affekt.core.errors import UserError
from affekt.models.io import load_model, network_name, save_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.mel_networks import MelCNN

CPU = torch.device("cpu")
CONFIG = {"channels": 4, "layers": 2, "classes": 3, "dropout": 0.5}
HISTORY = {"step": [0.0, 1.0], "recognise/loss": [2.0, 1.5]}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "recogniser"
    torch.manual_seed(0)
    network = MelCNN(**CONFIG)  # type: ignore[arg-type]
    network(torch.randn(2, 80, 40))  # moves the running statistics
    save_model(folder, network, CONFIG, HISTORY)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "recogniser")


def test_the_folder_holds_safetensors_and_json_only(saved: Path) -> None:
    assert sorted(os.listdir(saved)) == ["config.json", "history.json", "weights.safetensors"]
    assert json.loads((saved / "config.json").read_text()) == {"network": "MelCNN", "config": CONFIG}
    assert json.loads((saved / "history.json").read_text()) == HISTORY
    assert network_name(saved) == "MelCNN"


def test_saving_again_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "m", load_model(saved, MelCNN, CPU), CONFIG, HISTORY)
    for name in os.listdir(saved):
        assert (tmp_path / "m" / name).read_bytes() == (saved / name).read_bytes()


def test_another_class_is_refused_with_both_names(folder: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json: holds a MelCNN, expected a RecurrentRecogniser"):
        load_model(folder, RecurrentRecogniser, CPU)


def test_no_model_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no trained model; run `make repro` first"):
        load_model(tmp_path / "none", MelCNN, CPU)


def test_weights_of_another_size_name_both_files(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"network": "MelCNN", "config": CONFIG | {"channels": 8}}))
    with pytest.raises(UserError, match=r"weights\.safetensors: does not fit its config\.json: .*size mismatch") as e:
        load_model(folder, MelCNN, CPU)
    assert "\n" not in str(e.value)


def test_a_pickle_where_weights_are_expected_is_refused(folder: Path) -> None:
    torch.save(MelCNN(4, 2, 3).state_dict(), folder / "weights.safetensors")
    with pytest.raises(UserError, match=r"weights\.safetensors: is not a whole safetensors file"):
        load_model(folder, MelCNN, CPU)


@pytest.mark.parametrize("config", ["[]", '{"network": "MelCNN"}', '{"network": "MelCNN", "config": {"x": 1}}'])
def test_a_broken_config_is_refused_by_name(config: str, folder: Path) -> None:
    (folder / "config.json").write_text(config)
    with pytest.raises(UserError, match=r"config\.json"):
        load_model(folder, MelCNN, CPU)
