"""The URLs of the app: what machines call, and what people open."""

from django.urls import URLPattern, URLResolver, include, path

from sms_accounts.endpoints import dlr, health, http2sms
from sms_accounts.endpoints.rest import ptts
from sms_accounts.http2sms import PATH, SHORT_PATH
from sms_accounts.views import (
    accounts,
    activity_log,
    alert_log,
    alert_texts,
    api_user_callback,
    api_user_page,
    api_user_selection,
    api_user_settings,
    api_users,
    callbacks,
    codes,
    connect,
    credits,
    mail,
    messages,
    opt_outs,
    options,
    overview,
    user_import,
)

api_user_pages: list[URLPattern | URLResolver] = [
    path("", api_user_page.api_user, name="api-user"),
    path("password/", api_user_settings.api_user_password, name="api-user-password"),
    path(
        "former-password/",
        api_user_settings.api_user_former_password,
        name="api-user-former-password",
    ),
    path("quota/", api_user_settings.api_user_quota, name="api-user-quota"),
    path("limit/", api_user_settings.api_user_limit, name="api-user-limit"),
    path("restrictions/", api_user_settings.api_user_restrictions, name="api-user-restrictions"),
    path("callback/", api_user_callback.api_user_callback, name="api-user-callback"),
    path(
        "callback-secret/",
        api_user_callback.api_user_callback_secret,
        name="api-user-callback-secret",
    ),
    path("protection/", api_user_settings.api_user_protection, name="api-user-protection"),
    path("enabled/", api_users.api_user_enabled, name="api-user-enabled"),
    path("delete/", api_users.api_user_delete, name="api-user-delete"),
]
account_pages: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="account"),
    path("api-users/", api_users.api_users, name="api-users"),
    path("api-users/add/", api_users.api_user_add, name="api-user-add"),
    path("api-users/import/", user_import.api_user_import, name="api-user-import"),
    path("api-users/selected/quota/", api_user_selection.selected_quota, name="selected-quota"),
    path("api-users/selected/limit/", api_user_selection.selected_limit, name="selected-limit"),
    path("api-users/<int:pk>/", include(api_user_pages)),
    path("callbacks/", callbacks.callbacks, name="callbacks"),
    path("callbacks/<int:pk>/", callbacks.callback, name="callback"),
    path("callbacks/<int:pk>/again/", callbacks.callback_again, name="callback-again"),
    path(
        "callbacks/replays/<int:pk>/stop/",
        callbacks.callback_replay_stop,
        name="callback-replay-stop",
    ),
    path(
        "callbacks/endpoints/<int:pk>/on/",
        callbacks.callback_endpoint_on,
        name="callback-endpoint-on",
    ),
    path("messages/", messages.messages, name="messages"),
    path("messages/csv/", messages.messages_csv, name="messages-csv"),
    path("messages/cancel/", messages.messages_cancel, name="messages-cancel"),
    path("messages/<int:pk>/", messages.message, name="message"),
    path("credits/", credits.statement, name="credits"),
    path("credits/csv/", credits.statement_csv, name="credits-csv"),
    path("credits/check/", credits.check, name="credits-check"),
    path("credits/transfer/", credits.transfer, name="credits-transfer"),
    path("connect/", connect.connect, name="connect"),
    path("alerts/", alert_texts.alert_texts, name="alert-texts"),
    path("alerts/preview/", alert_texts.alert_preview, name="alert-preview"),
    path("alerts/log/", alert_log.alert_log, name="alert-log"),
    path("alerts/log/csv/", alert_log.alert_csv, name="alert-csv"),
    path("alerts/log/<int:pk>/again/", alert_log.alert_again, name="alert-again"),
    path("opt-outs/", opt_outs.opt_outs, name="opt-outs"),
    path("opt-outs/add/", opt_outs.opt_outs_add, name="opt-outs-add"),
    path("opt-outs/csv/", opt_outs.opt_outs_csv, name="opt-outs-csv"),
    path("opt-outs/remove/", opt_outs.opt_outs_remove, name="opt-outs-remove"),
    path("activity/", activity_log.activity, name="activity"),
    path("activity/csv/", activity_log.activity_csv, name="activity-csv"),
    path("options/", options.options, name="options"),
    path("options/place/", options.account_place, name="account-place"),
    path("options/default-sender/", options.account_default_sender, name="account-default-sender"),
    path(
        "options/unknown-outcome/", options.account_unknown_outcome, name="account-unknown-outcome"
    ),
    path("options/retention/", options.account_retention, name="account-retention"),
    path("options/callback/", options.account_callback, name="account-callback"),
    path(
        "options/callback-secret/",
        options.account_callback_secret,
        name="account-callback-secret",
    ),
    path("options/limit/", options.account_limit, name="account-limit"),
    path("options/reserve/", options.account_reserve, name="account-reserve"),
]

urlpatterns = [
    path(PATH, http2sms.http2sms, name="http2sms"),
    path(SHORT_PATH, http2sms.http2sms),
    path("dlr/<slug:carrier_name>/", dlr.dlr, name="dlr"),
    path("healthz/", health.healthz, name="healthz"),
    path("", accounts.accounts, name="accounts"),
    path("sms/<slug:name>/", include(account_pages)),
    path("mail/", mail.mail, name="mail"),
    path("codes/", codes.code_tables, name="codes"),
    path("1.0/sms/ptts", ptts.ptts, name="ptts"),
    path("v1/sms/ptts", ptts.ptts),
]
