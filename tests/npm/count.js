// Reads a line of JSON for each text, [text, "ucs2" or null], and writes one that says how the
// counter that is named as argument takes it apart. Places are UTF-16 units from the beginning.
"use strict";

const readline = require("node:readline");
const { SegmentedMessage } = require("sms-segments-calculator");
const splitter = require("split-sms");

function ends(lengths) {
  let place = 0;
  return lengths.map((length) => (place += length));
}

function splitSms(text, coding) {
  const options = coding === "ucs2" ? { characterset: splitter.UNICODE } : undefined;
  const { characterSet, parts, bytes } = splitter.split(text, options);
  return {
    coding: characterSet === splitter.GSM ? "gsm7" : "ucs2",
    units: characterSet === splitter.GSM ? bytes : bytes / 2,
    ends: ends(parts.map((part) => part.content.length)),
  };
}

function segmentsCalculator(text, coding) {
  const message = new SegmentedMessage(text, coding === "ucs2" ? "UCS-2" : "auto");
  const isGsm = message.getEncodingName() === "GSM-7";
  // A segment is an array of a kind of its own, and so would be what its methods return.
  const lengths = Array.from(message.segments, (segment) =>
    Array.from(segment)
      .filter((character) => !character.isUserDataHeader)
      .reduce((length, character) => length + character.raw.length, 0),
  );
  // Places between two characters that a reader sees as one.
  const inside = [];
  let place = 0;
  for (const grapheme of message.graphemes) {
    let within = 0;
    for (const character of grapheme) {
      if (within > 0) inside.push(place + within);
      within += character.length;
    }
    place += grapheme.length;
  }
  return {
    coding: isGsm ? "gsm7" : "ucs2",
    units: message.messageSize / (isGsm ? 7 : 16),
    ends: ends(lengths),
    inside,
  };
}

const COUNTERS = { "split-sms": splitSms, "sms-segments-calculator": segmentsCalculator };

async function main() {
  const count = COUNTERS[process.argv[2]];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [text, coding] = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(count(text, coding))}\n`);
  }
}

main();
