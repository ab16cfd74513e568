"""Tables, constraints and querysets; nothing here speaks HTTP, sends mail or moves credits."""

from sms_accounts.models.account import Account, AlertTexts, Membership
from sms_accounts.models.activity import Activity
from sms_accounts.models.alert import Alert, Fall, Level, Notification, levels_of
from sms_accounts.models.api_user import AddressUse, ApiUser
from sms_accounts.models.attempt import Attempt, DlrPost, DlrReport
from sms_accounts.models.batch import Batch, BatchReceiver, ReceiverFile
from sms_accounts.models.books_check import BooksCheck
from sms_accounts.models.callback import (
    Callback,
    CallbackAttempt,
    CallbackEndpoint,
    CallbackReplay,
    CallbackSecret,
)
from sms_accounts.models.carrier import SmppCarrier
from sms_accounts.models.figures import (
    AccountQuarter,
    Figures,
    FiguresMark,
    Habit,
    UserDay,
    UserQuarter,
)
from sms_accounts.models.heartbeat import Heartbeat
from sms_accounts.models.http_carrier import HttpCarrier
from sms_accounts.models.message import FINAL, Message, MessageEvent, State, Submission
from sms_accounts.models.message_work import MassCancellation, MessageExport
from sms_accounts.models.notice import Notice
from sms_accounts.models.opt_out import OptOut
from sms_accounts.models.quota_renewal import QuotaRenewal
from sms_accounts.models.received import Received, ReceivedPart, ReceivedPost, ReplySettings
from sms_accounts.models.route import (
    CarrierSwitch,
    CarrierTally,
    CarrierWatch,
    Lane,
    Route,
    RouteCarrier,
)
from sms_accounts.models.routing import Rate, Sender, SenderNotice
from sms_accounts.models.rule import Incident, Rule, RuleAction, RuleChoice
from sms_accounts.models.sending import IdempotencyKey, Pace
from sms_accounts.models.spending import DaySpent
from sms_accounts.models.user import User
from sms_accounts.models.wallet import LedgerEntry, Wallet

__all__ = [
    "FINAL",
    "Account",
    "AccountQuarter",
    "Activity",
    "AddressUse",
    "Alert",
    "AlertTexts",
    "ApiUser",
    "Attempt",
    "Batch",
    "BatchReceiver",
    "BooksCheck",
    "Callback",
    "CallbackAttempt",
    "CallbackEndpoint",
    "CallbackReplay",
    "CallbackSecret",
    "CarrierSwitch",
    "CarrierTally",
    "CarrierWatch",
    "DaySpent",
    "DlrPost",
    "DlrReport",
    "Fall",
    "Figures",
    "FiguresMark",
    "Habit",
    "Heartbeat",
    "HttpCarrier",
    "IdempotencyKey",
    "Incident",
    "Lane",
    "LedgerEntry",
    "Level",
    "MassCancellation",
    "Membership",
    "Message",
    "MessageEvent",
    "MessageExport",
    "Notice",
    "Notification",
    "OptOut",
    "Pace",
    "QuotaRenewal",
    "Rate",
    "Received",
    "ReceivedPart",
    "ReceivedPost",
    "ReceiverFile",
    "ReplySettings",
    "Route",
    "RouteCarrier",
    "Rule",
    "RuleAction",
    "RuleChoice",
    "Sender",
    "SenderNotice",
    "SmppCarrier",
    "State",
    "Submission",
    "User",
    "UserDay",
    "UserQuarter",
    "Wallet",
    "levels_of",
]
