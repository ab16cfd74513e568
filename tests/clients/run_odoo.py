"""Runs the add-on sms_ovh_http as Odoo would, and prints what it says of one message.

The add-on is the installed one, to the letter; of Odoo's framework there is as much around it as
it takes to load it. Whatever it asks of www.ovh.com goes to another host, path and query unchanged.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

REAL_SEND = HTTPAdapter.send


def put_framework_in_place(installed):
    def field(*arguments, **options):
        """Declare nothing: there are no tables here."""

    framework = ModuleType("odoo")
    exceptions = ModuleType("odoo.exceptions")
    vars(exceptions)["UserError"] = type("UserError", (Exception,), {})
    framework.__path__ = [str(installed / "odoo")]
    vars(framework).update(
        _=str,
        api=SimpleNamespace(model=lambda method: method),
        models=SimpleNamespace(AbstractModel=object, Model=object),
        fields=SimpleNamespace(Char=field, Text=field, Selection=field),
    )
    sys.modules |= {"odoo": framework, "odoo.exceptions": exceptions}


def send_to(host):
    def send(self, request, **options):
        wanted = urlsplit(request.url)
        assert (wanted.scheme, wanted.netloc) == ("https", "www.ovh.com")
        request.url = wanted._replace(scheme="http", netloc=host).geturl()
        return REAL_SEND(self, request, **options)

    HTTPAdapter.send = send  # type: ignore[assignment, method-assign]


def outcome(version, *, account, number, message):
    record = SimpleNamespace(provider="sms_ovh_http", **account)
    record.exists = lambda: record
    queued = SimpleNamespace(error_detail="")
    add_on = import_module("odoo.addons.sms_ovh_http.models.sms_api").SmsApi()
    add_on.env = {
        "iap.account": SimpleNamespace(get={"sms": record}.get),
        "sms.sms": SimpleNamespace(browse={7: queued}.get),
    }
    if version == "12":
        try:
            add_on._send_sms(number, message)
        except ValueError as refused:
            return {"state": "ValueError", "detail": str(refused)}
        return {"state": "success", "detail": ""}
    [result] = add_on._send_sms_batch([{"number": number, "content": message, "res_id": 7}])
    return {"state": result["state"], "detail": queued.error_detail}


if __name__ == "__main__":
    version, installed, host = sys.argv[1:]
    put_framework_in_place(Path(installed))
    send_to(host)
    print(json.dumps(outcome(version, **json.load(sys.stdin))))
