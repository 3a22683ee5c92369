"""Join the metrics of all stages into one flat object."""

from affekt.core.errors import StageError
from affekt.core.files import read_json, write_json
from affekt.core.stage import Stage, run

STAGES = (
    "recognition",
    "hearing",
    "gender_recognition",
    "content_recognition",
    "dream",
    "generation",
    "vocoding",
    "maximise",
    "mask",
)


def main(stage: Stage) -> None:
    joined: dict[str, float] = {}
    for name in STAGES:
        metrics = read_json(stage.dep(name))
        twice = joined.keys() & metrics.keys()
        if twice:
            raise StageError(f"stage {name} reports {', '.join(sorted(twice))}, which another stage reports too")
        joined |= metrics
    stage.metrics(joined)
    write_json(stage.out("summary"), joined)


if __name__ == "__main__":
    run(main)
