"""The Celery application: beat rings, workers look into the tables; tasks carry no data."""

import gc
import os

from celery import Celery, signals

from panel import own_rounds, pulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")

app = Celery("panel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
pulse.install(app)
app.steps["consumer"].add(own_rounds.OwnRounds)


@signals.worker_ready.connect
def leave_alone_what_stays(**_given: object) -> None:
    """Keep the collector from what was loaded: it is never garbage, and takes long to go over."""
    gc.collect()
    gc.freeze()
