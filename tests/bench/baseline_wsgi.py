"""The baselines of `baseline.py` as a web server runs them."""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from tests.bench import baseline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
django.setup(set_prefix=False)
settings.MIDDLEWARE = []
settings.ROOT_URLCONF = "tests.bench.baseline"
baseline.POOL.open()
application = WSGIHandler()
