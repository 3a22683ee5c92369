"""TESS (Pichora-Fuller & Dupuis 2010): two women say 200 words in a carrier phrase, in seven emotions, at 24,414 Hz.

It is redistributed in many shapes: flat or in 14 folders whose case varies, one tree inside another, one file misnamed
(`OA_bite_neutral.wav`). So a file is known by its name alone, and is kept under its published path.
"""

import csv
import re
from itertools import product
from pathlib import Path, PurePosixPath

from affekt.core.errors import UserError
from affekt.core.files import list_files
from affekt.corpora.corpus import ClipFacts, Corpus, ReadPath
from affekt.corpora.request import FetchRequest
from affekt.corpora.transport import open_source, published_archive, take_listed, take_tree

NAME = "tess"
SPEAKERS = ("OAF", "YAF")  # the older and the younger woman
EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",  # pleasant surprise
    "sad": "sad",
}
PARTS = ("train", "validation", "test")  # of the split by word
_FOLDERS = {  # all others are <speaker>_<emotion>
    "OAF_fear": "OAF_Fear",
    "OAF_ps": "OAF_Pleasant_surprise",
    "OAF_sad": "OAF_Sad",
    "YAF_ps": "YAF_pleasant_surprised",
}
_MISNAMED = {"OAF_bite_neutral": "OA_bite_neutral"}  # as published
_SUFFIXES = (".wav", ".flac")
_NAME = re.compile(r"(OAF?|YAF)_([a-z]+)_([a-z]+)", re.IGNORECASE)
_NAMED = 3  # missing files that a refusal names


def fetch(request: FetchRequest) -> None:
    """Bring all clips to `request.out` under their published paths, from an archive, a folder of any shape or a URL."""
    paths = [published_path(*clip) for clip in product(SPEAKERS, read_words(request.facts), EMOTIONS)]
    with open_source(request, NAME, published_archive(request.facts)) as (place, _):
        if place.is_url:
            take_listed(request, place, paths, _SUFFIXES)
        else:
            take_tree(request, place, choose)
    brought = {path.relative_to(request.out).with_suffix("").as_posix() for path in list_files(request.out)}
    if missing := [path for path in paths if path not in brought]:
        raise UserError(
            f"{place.name}: lacks {len(missing)} of the {len(paths)} published files: {', '.join(missing[:_NAMED])}"
            f"{', …' if len(missing) > _NAMED else ''}; complete the copy"
        )


def read_words(facts: Path) -> dict[str, str]:
    """Read words.csv: word -> its part in the split by word, which seed 0 uses (train, validation, test)."""
    with open(facts / "words.csv", newline="", encoding="utf-8") as file:
        parts = {row["word"]: row["part"] for row in csv.DictReader(file)}
    if not parts or not set(parts.values()) <= set(PARTS):
        raise UserError(f"{facts / 'words.csv'}: must have rows word,part with {', '.join(PARTS)}; restore it from git")
    return parts


def parse_name(stem: str) -> tuple[str, str, str]:
    """Read speaker, word and emotion code of a file's name without extension; ValueError says what is wrong."""
    match = _NAME.fullmatch(stem)
    if match is None or match[3].lower() not in EMOTIONS:
        raise ValueError(f"wrongly named: must be OAF_ or YAF_, a word, and one of {', '.join(EMOTIONS)}")
    return "YAF" if match[1].upper() == "YAF" else "OAF", match[2].lower(), match[3].lower()


def published_path(speaker: str, word: str, emotion: str) -> str:
    """Return where the publisher has a clip, without extension."""
    folder, name = f"{speaker}_{emotion}", f"{speaker}_{word}_{emotion}"
    return f"{_FOLDERS.get(folder, folder)}/{_MISNAMED.get(name, name)}"


def choose(path: PurePosixPath) -> str | None:
    """Keep sound files, under their published paths; a wrongly named one stays as it is, for the inspection to tell."""
    if path.suffix.lower() not in _SUFFIXES or path.name.startswith("."):
        return None
    try:
        return f"{published_path(*parse_name(path.stem))}{path.suffix.lower()}"
    except ValueError:
        return path.name


def reader(facts: Path, raw: Path) -> ReadPath:
    """Return the function that reads a file's name; the statement is the word."""
    words = read_words(facts)

    def read(path: PurePosixPath) -> ClipFacts:
        speaker, word, emotion = parse_name(path.stem)
        if word not in words:
            raise ValueError(f"wrongly named: {word} is not one of the {len(words)} words of words.csv")
        return ClipFacts(
            clip_id=f"{NAME}-{speaker}-{EMOTIONS[emotion]}-{word}",
            speaker=f"{NAME}-{speaker}",
            gender="f",
            emotion=EMOTIONS[emotion],
            intensity="normal",
            statement=word,
            repetition=1,
        )

    return read


CORPUS = Corpus(NAME, fetch, reader)
