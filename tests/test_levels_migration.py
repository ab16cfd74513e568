"""The levels of alerts that were there before there were levels."""

from importlib import import_module

import pytest
from django.apps import apps

from sms_accounts import api_users, submission
from sms_accounts.models import ApiUser, Level
from tests.factories import make_account, make_api_user, make_order

migration = import_module("sms_accounts.migrations.0026_levels_of_present_alerts")


@pytest.mark.django_db
def test_writes_levels_and_quotas_forth_and_forgets_them_back():
    account = make_account()
    sharing = make_api_user(account=account, threshold=20)
    quota = make_api_user(account=account, quota=50, threshold=10)
    submission.submit(make_order(quota))
    silent = make_api_user(account=account)
    api_users.delete(make_api_user(account=account, threshold=5), by=None)

    def levels():
        found = Level.objects.order_by("credits")
        return list(found.values_list("api_user", "wallet", "credits"))

    def quotas():
        return dict(ApiUser.objects.present().values_list("pk", "quota_given"))

    before = levels(), quotas()
    migration.forget(apps, None)
    assert (levels(), set(quotas().values())) == ([], {None})

    migration.write(apps, None)

    assert (levels(), quotas()) == before
    assert before[0] == [
        (quota.pk, quota.quota_wallet_id, 10),
        (sharing.pk, account.wallet_id, 20),
    ]
    assert before[1] == {sharing.pk: None, quota.pk: 50, silent.pk: None}
