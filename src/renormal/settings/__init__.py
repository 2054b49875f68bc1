"""The settings of a job: type, range and meaning of each. Needs no torch. `python -m renormal.settings` prints them."""
