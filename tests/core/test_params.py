"""params.yaml: the committed file parses; every wrong key, type or value is refused with all that mends it."""

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from affekt.core.errors import UserError
from affekt.core.params import Params, load_params, parse_params, read_yaml

COMMITTED = Path(__file__).parents[2] / "params.yaml"
VALUES: dict[str, Any] = YAML(typ="safe").load(COMMITTED)


def changed(key: str, value: Any) -> dict[str, Any]:
    """Return the committed values with one dotted key set."""
    values = copy.deepcopy(VALUES)
    *above, last = key.split(".")
    section = values
    for part in above:
        section = section[part]
    section[last] = value
    return values


def refusal(values: Any) -> str:
    with pytest.raises(UserError) as caught:
        parse_params(values, Path("params.yaml"))
    message = str(caught.value)
    assert message.startswith("params.yaml: ")
    assert "\n" not in message
    return message


def test_committed_file_parses_to_its_own_values() -> None:
    # What may be left out (a network's own `noise`) is none there.
    assert load_params(COMMITTED).model_dump(exclude_none=True) == VALUES


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("training.dropuot", "dropout"),
        ("recognizers", "recognisers"),
        ("gan.r1_evry", "r1_every"),
        ("sead", "seed"),
        ("networks.mel_cmn", "mel_cnn"),
        ("networks.mel_cnn.chanels", "channels"),
        ("training.residal", "residual"),
    ],
)
def test_a_typo_is_named_with_the_key_that_was_meant(wrong: str, meant: str) -> None:
    assert f"{wrong}: unknown key; did you mean `{meant}`?" in refusal(changed(wrong, 1))


def test_an_unknown_key_near_none_is_told_what_is_known() -> None:
    message = refusal(changed("compute.zzz", 1))
    assert "compute.zzz: unknown key; known are device, threads" in message


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("compute.threads", "two", "valid integer"),
        ("seed", True, "valid integer"),
        ("seed", 1.5, "valid integer"),
        ("seed", None, "valid integer"),
        ("training.bf16", 1, "valid boolean"),
        ("training.norm", "yes", "valid boolean"),
        ("training.lr", "0.003", "valid number"),
        ("networks.audio_lstm.epochs", 1.5, "valid integer"),
        ("networks.mel_cnn", 3, "valid dictionary"),
        ("dream.grid_octaves", 3, "valid list"),
        ("corpus.name", 3, "'demo', 'ravdess', 'tess' or 'cremad'"),
        ("maximise.emotions", "happy", "valid list"),
    ],
)
def test_a_wrong_type_is_named_with_key_value_and_type(key: str, value: Any, allowed: str) -> None:
    message = refusal(changed(key, value))
    assert f"{key}: got {value!r}; " in message
    assert allowed in message


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("compute.device", "gpu", "'auto', 'cpu' or 'cuda'"),
        ("corpus.name", "librispeech", "'demo', 'ravdess', 'tess' or 'cremad'"),
        ("reading.name", "ravdess", "'demo_reading' or 'librispeech'"),
        ("training.schedule", "late", "'one_cycle', 'plateau', 'cosine' or 'constant'"),
        ("compute.threads", 0, "greater than or equal to 1"),
        ("compute.threads", 257, "less than or equal to 256"),
        ("seed", -1, "greater than or equal to 0"),
        ("seed", 2**31, "less than 2147483648"),
        ("training.dropout", 1.0, "less than 1"),
        ("training.batch", 1, "greater than or equal to 2"),
        ("training.speed", 0.6, "less than or equal to 0.5"),
        ("training.noise", 1.1, "less than or equal to 1"),
        ("networks.mel_lstm.layers", 17, "less than or equal to 16"),
        ("benchmark.folds", 7, "less than or equal to 6"),
        ("ablation.seeds", 1, "greater than or equal to 2"),
        ("dream.ratio", 1.0, "greater than 1"),
        ("dream.grid_layers", [], "at least 1 item"),
        ("training.lr", 0.0, "greater than 0"),
        ("gan.lr", float("inf"), "finite number"),
        ("gan.r1", float("nan"), "finite number"),
        ("demo.voices", 7, "greater than or equal to 8"),
        ("features.f0_max_hz", 100.0, "greater than or equal to 301"),
        ("maximise.emotions", [], "at least 2 items"),
        ("maximise.emotions", ["sad", "calm", "sad"], "each may be named once, not sad again"),
        ("gan.latent", 2, "greater than or equal to 3"),
    ],
)
def test_an_impossible_value_is_named_with_key_value_and_range(key: str, value: Any, allowed: str) -> None:
    message = refusal(changed(key, value))
    assert f"{key}: got {value!r}; " in message
    assert allowed in message


def test_a_wrong_emotion_is_named_by_its_place_with_all_emotions() -> None:
    message = refusal(changed("maximise.emotions", ["happy", "bored"]))
    assert "maximise.emotions.1: got 'bored'; " in message
    for emotion in VALUES["maximise"]["emotions"]:
        assert f"'{emotion}'" in message


def test_an_item_of_a_list_is_named_by_its_place() -> None:
    assert "dream.grid_octaves.1: got 0; " in refusal(changed("dream.grid_octaves", [1, 0]))
    assert "dream.grid_steps.0: got -0.1; " in refusal(changed("dream.grid_steps", [-0.1]))
    assert "dream.grid_layers.1: got 'block10'; input should be 'block1', 'block2'" in refusal(
        changed("dream.grid_layers", ["block1", "block10"])
    )


def test_missing_keys_and_sections_are_named() -> None:
    values = copy.deepcopy(VALUES)
    del values["gan"]["latent"], values["report"]
    message = refusal(values)
    assert "gan.latent: is missing; add it" in message
    assert "report: is missing; add it" in message


def test_all_problems_are_listed_at_once() -> None:
    values = changed("compute.threads", "two")
    values["gan"]["lr"] = -1.0
    values["judge"]["lrr"] = 1
    del values["baseline"]["c"]
    problems = refusal(values).removeprefix("params.yaml: ").split("; ")
    named = {problem.split(":")[0] for problem in problems}
    assert {"compute.threads", "gan.lr", "judge.lrr", "baseline.c"} <= named


@pytest.mark.parametrize("values", [None, [], "text", 3])
def test_a_file_without_sections_is_refused(values: Any) -> None:
    assert f"must hold sections (seed, compute, corpus, …), found {type(values).__name__}" in refusal(values)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"seed: 0\ncompute: {device: cpu\n", "line 3"),
        (b"seed: 0\n\tcompute: 1\n", "line 2"),
        (b"seed: 0\nseed: 1\n", "line 2"),
        (b"seed: 0\ncorpus: *unknown\n", "line 2"),
        (b"seed: \xff\n", "0xff"),
        (b"seed: 0\x00\n", "is not valid YAML"),
    ],
)
def test_broken_yaml_names_file_and_place(text: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(text)
    with pytest.raises(UserError) as caught:
        load_params(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: is not valid YAML: ")
    assert says in message
    assert "\n" not in message


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: there is no such file; run from the repository's root"):
        load_params(tmp_path / "params.yaml")


def test_yaml_of_this_project_is_data_only(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("seed: !!python/object/apply:os.getpid []\n")
    with pytest.raises(UserError, match=r"params\.yaml: is not valid YAML"):
        read_yaml(path)


def test_short_forms_of_a_float_are_floats(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(COMMITTED.read_text().replace("lr: 0.003", "lr: 3e-3").replace("c: 10.0", "c: 10"))
    params = load_params(path)
    assert params.training.lr == 0.003
    assert params.baseline.c == 10.0


def test_parsed_values_are_frozen() -> None:
    params: Params = load_params(COMMITTED)
    with pytest.raises(ValidationError, match="frozen"):
        params.seed = 1
    with pytest.raises(ValidationError, match="frozen"):
        params.gan.lr = 1.0
