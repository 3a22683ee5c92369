"""What is wrong with a key of params.yaml, in words."""

import difflib
from typing import Any


def describe_problem(error: Any, schema: Any) -> str:
    """Say in one line which key is wrong, what it holds and what is allowed; `error` and `schema` are pydantic's."""
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        known = known_keys(schema, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(known)}"
        return f"{key}: unknown key{hint}"
    if error["type"] == "missing":
        return f"{key}: is missing; add it (see the committed params.yaml)"
    message = error["msg"].removeprefix("Value error, ")
    allowed = message[0].lower() + message[1:]
    return f"{key}: got {error['input']!r}; {allowed}"


def known_keys(schema: Any, location: tuple[int | str, ...]) -> list[str]:
    """List the keys that a schema has at a place."""
    for part in location:
        schema = schema.model_fields[part].annotation
    return list(schema.model_fields)
