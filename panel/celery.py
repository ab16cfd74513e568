"""The Celery application: beat rings, workers look into the tables; tasks carry no data."""

import os

from celery import Celery

from panel import own_rounds, pulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")

app = Celery("panel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
pulse.install(app)
app.steps["consumer"].add(own_rounds.OwnRounds)
