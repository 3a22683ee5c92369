"""Errors that a person can act on."""


class UserError(ValueError):
    """Bad input: the message says what is wrong, where, and what to do; shown as one line, exit code 2."""


class StageError(RuntimeError):
    """A stage's script broke its contract with dvc.yaml (undeclared parameter, dep or out)."""
