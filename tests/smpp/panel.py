"""The panel's side of a bind, worked by hand: its database is that of the test."""

from contextlib import contextmanager

from django.utils import timezone

from sms_accounts import delivery
from sms_accounts.carriers.smpp.carrier import Smpp
from sms_accounts.models import Message, SmppCarrier, State
from sms_accounts.smpp_process import Desk
from tests.factories import make_smpp_carrier
from tests.simulator_rig import wait_until
from tests.smpp.rig import fast_session, options_for

ROUNDS = 30


class Panel:
    """A session with its desk, whose work is done here: the database is that of the test."""

    def __init__(self, smsc, **given):
        options = options_for(smsc.port, **{"window": 8, **given})
        self.carrier = Smpp(options)
        self.desk = Desk(self.carrier)
        self.session = fast_session(options, self.desk)
        self.bound = Smpp(options, self.session)
        if not SmppCarrier.objects.exists():
            make_smpp_carrier(port=smsc.port, default=True)

    def deliver(self):
        """Hand over what is due, as the process does: while it is bound."""
        wait_until(lambda: self.session.is_bound, reason=self.session.problem)
        Message.objects.filter(state=State.QUEUED).update(due_at=timezone.now())
        done = delivery.deliver_all(self.bound, goes_on=lambda: self.session.is_bound)
        self.work()
        return done

    def deliver_all(self):
        for _round in range(ROUNDS):
            if not Message.objects.filter(state=State.QUEUED).exists():
                return
            self.deliver()

    def work(self):
        self.desk.close()
        while self.desk.work_once():
            pass

    def work_until(self, true, *, reason):
        def is_so():
            self.work()
            return true()

        wait_until(is_so, reason=reason)


@contextmanager
def panel_at(smsc, **given):
    panel = Panel(smsc, **given)
    try:
        yield panel
    finally:
        panel.session.stop()
        smsc.stop()
