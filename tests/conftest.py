"""Puts this folder on the path: what tests of several floors share lies here."""
