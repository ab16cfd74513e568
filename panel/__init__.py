"""The Django project: wiring, no rule about SMS."""

from panel.celery import app as celery_app

__all__ = ["celery_app"]
