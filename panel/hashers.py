"""How passwords of scripts are hashed, beside Django's own hashers for those of people."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class ScriptPasswordHasher(Argon2PasswordHasher):
    """argon2id with OWASP's least figures: 19 MiB, two passes, one lane.

    Django's own figures take ten times as long and 100 MiB for each hash: for a door that
    thousands of scripts knock at they would be a way to exhaust the machine. Passwords of
    scripts are made by the panel, 95 bits, where nobody insists on another.
    Source: OWASP Password Storage Cheat Sheet.
    """

    algorithm = "argon2_script"
    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
