"""Django's WSGI callable. A web server runs `asgi.py`, where http2sms is much faster."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")

application = get_wsgi_application()
