"""What a worker does once it is there."""

import gc

from celery import signals

import panel.celery


def test_a_worker_keeps_the_collector_from_what_was_loaded():
    assert panel.celery.app
    try:
        signals.worker_ready.send(sender=None)

        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
