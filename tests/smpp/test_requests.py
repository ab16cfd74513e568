"""Questions and answers: which belongs to which, in time, late, and on another bind."""

from structlog.testing import capture_logs

from sms_accounts.carriers.smpp.pdus import Command, Pdu, nack, response
from sms_accounts.carriers.smpp.requests import Requests

SUBMIT = Command.SUBMIT_SM


def asked(requests, *, link="first", reference="a" * 32):
    request = requests.register(link, SUBMIT, reference=reference)
    request.is_written = True
    return request, Pdu(SUBMIT, 0, request.sequence)


class TestRequests:
    def test_give_an_answer_to_its_question_alone(self):
        requests = Requests()
        first, _pdu = asked(requests)
        second, pdu = asked(requests)

        assert requests.answered(response(pdu)) == ""

        assert second.answer == response(pdu)
        assert not first.is_over

    def test_take_no_answer_for_that_of_another_command(self):
        requests = Requests()
        request, pdu = asked(requests)

        with capture_logs() as logs:
            requests.answered(response(Pdu(Command.ENQUIRE_LINK, 0, pdu.sequence)))

        assert not request.is_over
        assert [line["event"] for line in logs] == ["smpp_answer_to_nothing"]
        requests.answered(nack(pdu, status=8))
        assert request.answer == nack(pdu, status=8)

    def test_know_a_late_answer_by_the_reference_of_its_part_once(self):
        requests = Requests()
        _request, pdu = asked(requests, reference="b" * 32)
        requests.lost("first")

        with capture_logs() as logs:
            assert requests.answered(response(pdu)) == "b" * 32
            assert requests.answered(response(pdu)) == ""

        assert [line["event"] for line in logs] == ["smpp_answer_to_nothing"]

    def test_forget_what_was_never_written(self):
        requests = Requests()
        request, pdu = asked(requests)
        request.is_written = False

        requests.lost("first")

        assert request.is_over
        assert requests.answered(response(pdu)) == ""

    def test_number_on_over_all_binds_and_after_the_last_number(self, monkeypatch):
        monkeypatch.setattr("secrets.randbelow", lambda end: end - 2)
        requests = Requests()

        numbers = [asked(requests, link=link)[0].sequence for link in ("a", "b", "a")]

        assert numbers == [0x7FFFFFFE, 0x7FFFFFFF, 1]
