// An SMSC made of the package smpp. Prints its port, then a line of JSON for each message that it
// was handed. What it does with one follows from the last digits of the number.
"use strict";

const smpp = require("smpp");

const [, , password, certificate] = process.argv;
const seen = new Map();
let lastId = 0xa000;

function report(session, pdu, id, stat, state, err) {
  session.deliver_sm({
    source_addr: pdu.destination_addr,
    destination_addr: pdu.source_addr,
    esm_class: 4,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2603290230 done date:2603290231 stat:${stat} err:${err} text:`,
    receipted_message_id: id,
    message_state: state,
    user_message_reference: pdu.user_message_reference,
  });
}

// The phone answers in two parts, of which the second comes first.
function answer(session, pdu) {
  [2, 1].forEach((number) =>
    session.deliver_sm({
      source_addr: pdu.destination_addr,
      destination_addr: pdu.source_addr,
      esm_class: 0x40,
      data_coding: 8,
      short_message: {
        udh: Buffer.from([5, 0, 3, 7, 2, number]),
        message: number === 1 ? "Grüße aus " : "Köln 🙂",
      },
    }),
  );
}

// Ends a connection without an answer to what came last. A reset could take reports back that were
// sent before and not read yet.
function drop(session) {
  session.isDropped = true;
  session.socket.end();
}

function submit(session, pdu) {
  if (session.isDropped) return;
  const { udh, message } = pdu.short_message;
  const times = (seen.get(pdu.destination_addr) || 0) + 1;
  seen.set(pdu.destination_addr, times);
  const told = {
    msisdn: pdu.destination_addr,
    sender: pdu.source_addr,
    ton: pdu.source_addr_ton,
    coding: pdu.data_coding,
    text: message || (pdu.message_payload && pdu.message_payload.message) || "",
    header: udh ? udh.map((element) => element.toString("hex")) : [],
    segment: [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum],
    validity: String(pdu.validity_period),
    receipt: pdu.registered_delivery,
  };
  process.stdout.write(`${JSON.stringify(told)}\n`);
  if (pdu.destination_addr.endsWith("6004") && times <= 2) {
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    return;
  }
  const drops = pdu.destination_addr.endsWith("7104") && times === 1;
  if (drops || pdu.destination_addr.endsWith("7004")) {
    drop(session);
    return;
  }
  if (pdu.destination_addr.endsWith("5023")) {
    session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
    return;
  }
  lastId += 1;
  const id = lastId.toString(16).toUpperCase().padStart(10, "0");
  session.send(pdu.response({ message_id: id }));
  if (pdu.destination_addr.endsWith("0024")) {
    report(session, pdu, id, "EXPIRED", 3, "024");
    return;
  }
  report(session, pdu, id, "DELIVRD", 2, "000");
  if (pdu.destination_addr.endsWith("0901")) {
    answer(session, pdu);
  }
}

function meet(session) {
  session.on("bind_transceiver", (pdu) => {
    const isRight = pdu.password === password;
    session.send(pdu.response({ command_status: isRight ? 0 : smpp.ESME_RINVPASWD }));
  });
  session.on("submit_sm", (pdu) => submit(session, pdu));
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("error", () => {});
}

const options = {};
if (certificate) {
  const pem = require("fs").readFileSync(certificate);
  Object.assign(options, { tls: true, key: pem, cert: pem });
}
const server = smpp.createServer(options, meet);
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
