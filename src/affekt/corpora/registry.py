"""The corpora by name. A new one: a module with its `CORPUS`, its facts in data/corpora/<name>, its name here."""

from affekt.core.errors import UserError
from affekt.corpora import cremad, demo, demo_reading, librispeech, ravdess, tess
from affekt.corpora.corpus import Corpus

_MODULES = (demo, ravdess, tess, cremad, demo_reading, librispeech)
CORPORA = {module.CORPUS.name: module.CORPUS for module in _MODULES}


def find_corpus(name: str) -> Corpus:
    """Return the corpus of this name."""
    if name not in CORPORA:
        raise UserError(f"params.yaml: got the corpus {name!r}; known are {', '.join(CORPORA)}")
    return CORPORA[name]
