"""Writes ready programs that send one SMS through http2sms; alone knows how languages quote.

Each posts a form, asks for JSON, has a key of its own for each run, and ends with an error
unless the answer has status 100. The password comes from the environment, or stands where
`PLACEHOLDER` is.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template

from sms_accounts import http2sms

PLACEHOLDER = "PASSWORD"
VARIABLE = "SMS_PASSWORD"

# PowerShell takes the typographic ones for the plain one.
_QUOTES_OF_POWERSHELL = re.compile("['\u2018\u2019\u201a\u201b]")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program, the file that it belongs in, and the line that runs it there."""

    language: str
    file_name: str
    command: str
    text: str


class _Text(Template):
    """A program with gaps; no language here means anything by two at signs."""

    delimiter = "@@"


@dataclass(frozen=True, kw_only=True)
class _Language:
    """How a language writes strings, one parameter of a form, and the two it works out itself.

    `by_basic`: account, login and password go by HTTP Basic instead.
    """

    name: str
    file_name: str
    command: str
    text: _Text
    quoted: Callable[[str], str]
    pair: str
    key: str
    password: str = ""
    by_basic: bool = False

    def program(self, url: str, parameters: Mapping[str, str]) -> str:
        code = {name: self.quoted(value) for name, value in parameters.items()}
        code |= {http2sms.PASSWORD: self.password, http2sms.IDEMPOTENCY_KEY: self.key}
        left_out = (*http2sms.BASIC, http2sms.PASSWORD) if self.by_basic else ()
        pairs = [
            self.pair.format(name=name, value=value)
            for name, value in code.items()
            if name not in left_out
        ]
        return self.text.substitute(
            url=self.quoted(url),
            user=self.quoted("/".join(parameters[name] for name in http2sms.BASIC)),
            parameters="\n".join(pairs),
        )


def ready(*, url: str, form: Mapping[str, str]) -> list[Program]:
    """Return a program in each language for what `http2sms.form` gave."""
    parameters = http2sms.with_options(form, content_type=http2sms.JSON, idempotency_key="")
    return [
        Program(
            language=language.name,
            file_name=language.file_name,
            command=language.command,
            text=language.program(url, parameters),
        )
        for language in _LANGUAGES
    ]


# How strings are written.


def _double_quoted(value: str) -> str:
    # Whatever JSON calls a string means the same in Python and in JavaScript.
    return json.dumps(value, ensure_ascii=False)


def _ruby(value: str) -> str:
    # As in JSON, but for what Ruby works out within double quotes.
    return _double_quoted(value).replace("#", "\\#")


def _backslashed(value: str) -> str:
    """Quote for PHP, whose single quotes know two escapes and no variables."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _doubled(value: str) -> str:
    """Quote for PowerShell, whose single quotes know no escape but being written twice."""
    return "'" + _QUOTES_OF_POWERSHELL.sub(lambda quote: quote.group() * 2, value) + "'"


# The programs.

_CURL = _Text("""\
curl --silent --show-error --max-time 60 @@url \\
  --user @@user"${SMS_PASSWORD:+:$SMS_PASSWORD}" \\
@@parameters
  | awk '{ print } /"status":100,/ { sent = 1 } END { exit !sent }'
""")

_PHP = _Text("""\
<?php
$parameters = [
@@parameters
];
$body = file_get_contents(@@url, false, stream_context_create(['http' => [
    'method' => 'POST',
    'header' => 'Content-Type: application/x-www-form-urlencoded',
    'content' => http_build_query($parameters),
    'timeout' => 60,
    'ignore_errors' => true,
]]));
$answer = json_decode((string) $body, true);
if (($answer['status'] ?? null) !== 100) {
    fwrite(STDERR, 'Not accepted: ' . ($answer['message'] ?? 'no answer') . "\\n");
    exit(1);
}
echo 'Sent: ', implode(', ', $answer['smsIds']), ', credits left: ', $answer['creditLeft'], "\\n";
""")

_PYTHON = _Text("""\
import json
import os
import uuid
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

parameters = {
@@parameters
}
try:
    with urlopen(@@url, urlencode(parameters).encode(), timeout=60) as response:
        answer = json.load(response)
except HTTPError as error:
    answer = json.load(error)
if answer["status"] != 100:
    raise SystemExit(f"Not accepted: {answer['message']}")
print("Sent:", ", ".join(answer["smsIds"]), "credits left:", answer["creditLeft"])
""")

_JAVASCRIPT = _Text("""\
import { randomUUID } from "node:crypto";

const response = await fetch(@@url, {
  method: "POST",
  body: new URLSearchParams({
@@parameters
  }),
  signal: AbortSignal.timeout(60_000),
});
const answer = await response.json();
if (answer.status !== 100) throw new Error(`Not accepted: ${answer.message}`);
console.log("Sent:", answer.smsIds.join(", "), "credits left:", answer.creditLeft);
""")

_RUBY = _Text("""\
require "json"
require "net/http"
require "securerandom"

parameters = {
@@parameters
}
response = Net::HTTP.post_form(URI(@@url), parameters)
answer = JSON.parse(response.body)
abort "Not accepted: #{answer["message"]}" unless answer["status"] == 100
puts "Sent: #{answer["smsIds"].join(", ")} credits left: #{answer["creditLeft"]}"
""")

_POWERSHELL = _Text("""\
$parameters = @{
@@parameters
}
try {
    $answer = Invoke-RestMethod -Method Post -Uri @@url -Body $parameters -TimeoutSec 60
} catch {
    throw "Not accepted: $($_.ErrorDetails.Message) $($_.Exception.Message)"
}
if ($answer.status -ne 100) { throw "Not accepted: $($answer.message)" }
"Sent: $($answer.smsIds -join ', ') credits left: $($answer.creditLeft)"
""")


_LANGUAGES = (
    _Language(
        name="curl",
        file_name="send_sms.sh",
        command="sh send_sms.sh",
        text=_CURL,
        quoted=shlex.quote,
        pair="  --data-urlencode {name}={value} \\",
        key='"$(date +%s)-$$"',
        # curl then asks for the password itself, and hides it from the list of processes.
        by_basic=True,
    ),
    _Language(
        name="PHP",
        file_name="send_sms.php",
        command="php send_sms.php",
        text=_PHP,
        quoted=_backslashed,
        pair="    '{name}' => {value},",
        password=f"getenv('{VARIABLE}') ?: '{PLACEHOLDER}'",
        key="bin2hex(random_bytes(16))",
    ),
    _Language(
        name="Python",
        file_name="send_sms.py",
        command="python3 send_sms.py",
        text=_PYTHON,
        quoted=_double_quoted,
        pair='    "{name}": {value},',
        password=f'os.environ.get("{VARIABLE}", "{PLACEHOLDER}")',
        key="str(uuid.uuid4())",
    ),
    _Language(
        name="JavaScript",
        file_name="send_sms.mjs",
        command="node send_sms.mjs",
        text=_JAVASCRIPT,
        quoted=_double_quoted,
        pair="    {name}: {value},",
        password=f'process.env.{VARIABLE} ?? "{PLACEHOLDER}"',
        key="randomUUID()",
    ),
    _Language(
        name="Ruby",
        file_name="send_sms.rb",
        command="ruby send_sms.rb",
        text=_RUBY,
        quoted=_ruby,
        pair='  "{name}" => {value},',
        password=f'ENV.fetch("{VARIABLE}", "{PLACEHOLDER}")',
        key="SecureRandom.uuid",
    ),
    _Language(
        name="PowerShell",
        file_name="send_sms.ps1",
        command="pwsh send_sms.ps1",
        text=_POWERSHELL,
        quoted=_doubled,
        pair="    '{name}' = {value}",
        password=f"$(if ($env:{VARIABLE}) {{ $env:{VARIABLE} }} else {{ '{PLACEHOLDER}' }})",
        key="[guid]::NewGuid().ToString()",
    ),
)
