"""The panel's settings, with a quick hash of scripts: signing a thousand users in is no part of it.

Each is remembered after its first call, here as there.
"""

from panel.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SCRIPT_PASSWORD_HASHER = "md5"
