"""Requests of clients that cannot be installed here, as their public code builds them.

Each row has the bytes that arrive: what the client writes, and what its HTTP library makes of
it. Beside it stands how that client reads the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sms_accounts.orders import STOP_CLAUSE
from tests.clients.readers import (
    Reader,
    has_no_ko,
    has_ok,
    has_status_100,
    html_by_patterns,
    json_1xx,
    json_100,
    json_capital,
    plain_lines,
    xml_by_patterns,
)

# Clients with a date write hhmmddMMYYYY.
IN_A_MONTH = (datetime.now(UTC) + timedelta(days=30)).strftime("%H%M%d%m%Y")


@dataclass(frozen=True)
class Replay:
    """One request with the account's words to be filled in, and what must come of it.

    `to` is how the client writes the number of a receiver, `{msisdn}` its digits; `text` is what
    handsets must get.
    """

    client: str
    target: str
    read: Reader
    text: str
    to: str = "00{msisdn}"
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    version: str = "HTTP/1.1"
    receivers: int = 1
    stored: Mapping[str, object] = field(default_factory=dict)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FORM_UTF8 = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}

REPLAYS = [
    # The gem sorts its parameters, and has a line break encoded twice: it writes %0d itself.
    Replay(
        "Ruby, ovh-http2sms, JSON",
        "?account={account}&class=1&contentType=application%2Fjson&from={sender}&login={login}"
        "&message=Hello+you%250dall&noStop=1&password={password}&smsCoding=1&tag=reminders&to={to}",
        json_capital,
        "Hello you\nall",
        to="{msisdn}",
        stored={"message_class": 1, "tag": "reminders"},
    ),
    Replay(
        "Ruby, ovh-http2sms, XML",
        "?account={account}&contentType=text%2Fxml&from={sender}&login={login}"
        "&message=Hello&noStop=1&password={password}&to={to}%2C{other}",
        xml_by_patterns,
        "Hello",
        to="{msisdn}",
        receivers=2,
    ),
    Replay(
        "Ruby, ovh-http2sms, HTML",
        "?account={account}&contentType=text%2Fhtml&from={sender}&login={login}"
        "&message=Hello&noStop=1&password={password}&to={to}%2C{other}",
        html_by_patterns,
        "Hello",
        to="{msisdn}",
        receivers=2,
    ),
    Replay(
        "Ruby, ovh-http2sms, plain",
        "?account={account}&contentType=text%2Fplain&from={sender}&login={login}"
        "&message=Hello&noStop=1&password={password}&to={to}%2C{other}",
        plain_lines,
        "Hello",
        to="{msisdn}",
        receivers=2,
    ),
    Replay(
        "Ruby, ovh-http2sms, later",
        f"?account={{account}}&contentType=application%2Fjson&deferred={IN_A_MONTH}&from={{sender}}"
        "&login={login}&message=Hello&password={password}&to={to}",
        json_capital,
        "Hello" + STOP_CLAUSE,
        to="{msisdn}",
        stored={"state": "scheduled"},
    ),
    Replay(
        "Ruby, a Rails service of a school",
        "?account={account}&contentType=text%2Fjson&from={sender}&login={login}"
        "&message=Ton+code+de+validation+est%3A+4711&noStop=1&password={password}&to={to}",
        json_1xx,
        "Ton code de validation est: 4711",
    ),
    Replay(
        "Ruby, a driver for Zammad",
        "?account={account}&contentType=application%2Fjson&from={sender}&login={login}"
        "&message=Ticket+%23123+%5Burgent%5D&password={password}&to={to}",
        json_1xx,
        "Ticket #123 [urgent]" + STOP_CLAUSE,
    ),
    # Here and below, the client writes spaces and its library makes %20 of them.
    Replay(
        "Python, ovhhttp2sms",
        "?contentType=text/json&account={account}&login={login}&password={password}&from={sender}"
        "&noStop=1&class=1&to={to}&message=Hello,%0D%0D%20How%20are%20you?",
        json_100,
        "Hello,\n\n How are you?",
        to="%2B{msisdn}",
        stored={"message_class": 1},
    ),
    Replay(
        "Python, ovhhttp2sms, later",
        "?contentType=text/json&account={account}&login={login}&password={password}&from={sender}"
        f"&noStop=1&deferred={IN_A_MONTH}&class=1&to={{to}}&message=Hello",
        json_100,
        "Hello",
        to="%2B{msisdn}",
        stored={"state": "scheduled"},
    ),
    Replay(
        "Python, Noethys",
        "?account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=La+facture+est+pr%C3%AAte&noStop=1&contentType=text%2Fjson",
        json_100,
        "La facture est prête",
        to="%2B{msisdn}",
        stored={"coding": "ucs2"},
    ),
    Replay(
        "Python, a connector of Passerelle",
        "?account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=Votre+code&contentType=text%2Fjson&class=1&noStop=1&tag=publik",
        json_1xx,
        "Votre code",
        to="%2B{msisdn}",
        stored={"tag": "publik"},
    ),
    Replay(
        "Python, a watcher of small ads",
        "?&account={account}&login={login}&password={password}&from={sender}&to={to},{other}"
        "&message=Annonce(s)%20:%20%0d%20123%20%0dReste%20:%2098&noStop=1"
        "&contentType=application/json",
        json_100,
        "Annonce(s) : \n 123 \nReste : 98",
        receivers=2,
    ),
    Replay(
        "Python, an add-on of an Odoo house",
        "?&account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=RDV%20le%2012/03%20%C3%A0%2008h30&contentType=text/json&noStop=1",
        json_100,
        "RDV le 12/03 à 08h30",
    ),
    # file_get_contents of PHP speaks HTTP/1.0; the percent sign before AT was forgotten.
    Replay(
        "PHP, file_get_contents of a bank",
        "?&account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&contentType=text/json&message=Your%20account%20of%20bank%ATLANTIQUE%20is%20open."
        "&noStop=1&class=0",
        json_100,
        "Your account of bank%ATLANTIQUE is open.",
        version="HTTP/1.0",
        stored={"message_class": 0},
    ),
    Replay(
        "PHP, curl and urlencode",
        "?account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=El+c%C3%B3digo+2%3A+%0Aes%3A+123",
        plain_lines,
        "El código 2: \nes: 123" + STOP_CLAUSE,
        to="{msisdn}",
        stored={"coding": "ucs2"},
    ),
    Replay(
        "PHP, http_build_query of a Symfony service",
        "?smsAccount={account}&login={login}&password={password}&from={sender}&to={to}"
        "&noStop=1&contentType=text%2Fjson&message=L%27h%C3%B4tel+%26+le+spa",
        json_100,
        "L'hôtel & le spa",
    ),
    Replay(
        "PHP, a facade for Laravel",
        "?&contentType=application/json&account={account}&login={login}&password={password}"
        "&noStop=1&from={sender}&to={to}&message=Hey+guys+%21%0AHow+are+you+today+%3F",
        json_100,
        "Hey guys !\nHow are you today ?",
    ),
    Replay(
        "PHP, a form of Laravel",
        "",
        has_ok,
        "Votre code : 12",
        to="%2B{msisdn}",
        body="account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=Votre+code+%3A+12&noStop=1",
        headers=FORM,
    ),
    # Passed through utf8_decode, the text has one octet a character.
    Replay(
        "PHP, a page in ISO-8859-1",
        "?account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=Prochain%20%E9v%E8nement%20pr%E9vu",
        plain_lines,
        "Prochain évènement prévu" + STOP_CLAUSE,
        stored={"coding": "gsm7"},
    ),
    Replay(
        "Shell, a notification of Nagios by wget",
        "?smsAccount={account}&login={login}&password={password}&from={sender}&to={to}"
        "&contentType=text/plain&message=Disk%20full%20-%20",
        has_ok,
        "Disk full - " + STOP_CLAUSE,
    ),
    Replay(
        "Shell, a notification of Shinken by wget",
        "?smsAccount={account}&login={login}&password={password}&from={sender}&to={to}"
        "&contentType=text/xml&message=**PROBLEM%20alerte%20-%20web/http%20is%20CRITICAL%20**",
        xml_by_patterns,
        "**PROBLEM alerte - web/http is CRITICAL **" + STOP_CLAUSE,
    ),
    Replay(
        "Shell, GET of libwww-perl",
        "?account={account}&login={login}&password={password}&from={sender}&to={to},%2B{other}"
        "&message=Alarm&noStop=1",
        plain_lines,
        "Alarm",
        to="%2B{msisdn}",
        receivers=2,
    ),
    Replay(
        "Shell, curl with data-urlencode",
        "",
        plain_lines,
        "[HACCP] Frigo 5.5°C > seuil" + STOP_CLAUSE,
        to="%2B{msisdn}",
        body="account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=%5BHACCP%5D%20Frigo%205.5%C2%B0C%20%3E%20seuil",
        headers=FORM,
        stored={"coding": "ucs2"},
    ),
    # A GET that names a type for the body it does not have.
    Replay(
        "Perl, a plug-in of Centreon",
        "?account={account}&login={login}&password={password}&to={to}&from={sender}"
        "&message=Host%20down&class=1&noStop=1&contentType=application/json&smsCoding=",
        json_1xx,
        "Host down",
        headers={"Content-Type": "text/plain", "Accept": "text/plain"},
        stored={"message_class": 1},
    ),
    Replay(
        "Java, Ogham",
        "?account={account}&login={login}&password={password}&noStop=1&smsCoding=1"
        "&contentType=application%2Fjson&from=0033203040506&to={to}%2C00{other}"
        "&message=sms+content%0Dwith+new+lines%0Dof+all%0Dtypes",
        json_1xx,
        "sms content\nwith new lines\nof all\ntypes",
        receivers=2,
        stored={"sender": "33203040506"},
    ),
    Replay(
        "Java, ovhsmsapi",
        "?message=Alerte&password={password}&to={to},{other}&class=1&from={sender}&login={login}"
        "&account={account}&contentType=text/plain&noStop=0",
        plain_lines,
        "Alerte" + STOP_CLAUSE,
        receivers=2,
        stored={"message_class": 1},
    ),
    Replay(
        "Java, Soffid",
        "?account={account}&password={password}&login={login}&from={sender}&to={to}"
        "&message=Your%20authentication%20code%20is:%20123456"
        "&noStop&contentType=application/json&class=0",
        has_status_100,
        "Your authentication code is: 123456",
        to="%2B{msisdn}",
        stored={"message_class": 0},
    ),
    Replay(
        "Go, ovh-sms-messaging",
        "?account={account}&contentType=application%2Fjson&from={sender}&login={login}"
        "&message=Deploy+done&noStop=1&password={password}&tag=ci&to={to}%2C%2B{other}",
        json_capital,
        "Deploy done",
        to="%2B{msisdn}",
        receivers=2,
        stored={"tag": "ci"},
    ),
    Replay(
        "Go, a driver of kahlys/sms",
        "?account={account}&from={sender}&login={login}&message=Meet+me+at+the+roof+%21"
        "&noStop=1&password={password}&to={to}",
        has_no_ko,
        "Meet me at the roof !",
    ),
    # The plus sign of the number is not encoded, and arrives as a space.
    Replay(
        "JavaScript, fetch with a template",
        "?account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=Votre%20code%3A%2012&noStop=1",
        has_ok,
        "Votre code: 12",
        to="+{msisdn}",
    ),
    Replay(
        "JavaScript, a page with jQuery",
        "?&account={account}&contentType=text/json&login={login}&password={password}"
        "&from={sender}&to={to}&message=Bonjour,%20la%20fiche%20:%20https://example.com/?a=1",
        json_100,
        "Bonjour, la fiche : https://example.com/?a=1" + STOP_CLAUSE,
        headers={"Origin": "https://example.com", "Referer": "https://example.com/"},
    ),
    Replay(
        "TypeScript, Deno",
        "?account={account}&login={login}&password={password}&from={sender}&to={to}"
        "&message=Rappel+%3A+demain&contentType=text%2Fjson&noStop=0",
        json_100,
        "Rappel : demain" + STOP_CLAUSE,
        to="%2B{msisdn}",
    ),
]

# What these clients ask for cannot be had, and beside each stands what the answer must say. The
# first wants a number that takes replies from an account without one, the second has no sender.
REFUSED = [
    (
        Replay(
            "TypeScript, a form that takes replies",
            "",
            json_capital,
            "Hello",
            to="%2B{msisdn}",
            body="account={account}&login={login}&password={password}&from=&senderForResponse=1"
            "&to={to}&message=Hello&contentType=application%2Fjson&noStop=1",
            headers=FORM_UTF8,
        ),
        '"status":202',
    ),
    (
        Replay(
            "JavaScript, fetch without a sender",
            "?account={account}&login={login}&password={password}&message=Hello&to={to}&noStop=1"
            "&smsCoding=1",
            has_ok,
            "Hello",
            to="%2B{msisdn}",
        ),
        "KO\nMissing from\n",
    ),
]
