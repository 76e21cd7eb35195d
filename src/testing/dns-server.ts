/** A DNS server on loopback, over UDP and TCP, that answers whatever a test makes it say. Source: RFC 1035. */
import dgram from "node:dgram";
import net, { type AddressInfo } from "node:net";

export type RecordType = "A" | "AAAA" | "CNAME";
/** `data` is an address, a name, or the bytes of the record as they are. `name` defaults to the one asked for. */
export type DnsRecord = { type: RecordType; data: string | Uint8Array; name?: string };
export type DnsQuestion = { name: string; type: RecordType; overTcp: boolean };
/** Records; a response code (2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED); the bytes of the whole message; or no answer at all. */
export type DnsAnswer = readonly DnsRecord[] | number | Uint8Array | "silence" | "truncated";
export type DnsServer = {
  /** `address:port`. */
  address: string;
  /** All questions so far, oldest first. */
  asked: DnsQuestion[];
  answer: (question: DnsQuestion) => DnsAnswer;
  close(): Promise<void>;
};

const TYPES: Record<RecordType, number> = { A: 1, CNAME: 5, AAAA: 28 };
const MAX_UDP_BYTES = 1_232;

/** Listens on one free port for both transports. */
export async function startDnsServer(answer: DnsServer["answer"]): Promise<DnsServer> {
  const tcp = net.createServer((socket) => {
    socket.on("error", () => undefined);
    let received = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE()) return;
      const message = respond(received.subarray(2), true);
      if (message) socket.end(Buffer.concat([uint16(message.length), message]));
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as AddressInfo;
  const udp = dgram.createSocket("udp4");
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
  udp.on("message", (query, from) => {
    const message = respond(query, false);
    if (message) udp.send(message, from.port, from.address);
  });
  const server: DnsServer = {
    address: `127.0.0.1:${port}`,
    asked: [],
    answer,
    async close() {
      await Promise.all([new Promise<void>((done) => udp.close(done)), new Promise((done) => tcp.close(done))]);
    },
  };

  function respond(query: Buffer, overTcp: boolean): Buffer | undefined {
    const { name, type, end } = readQuestion(query);
    if (!type) return undefined;
    const question = { name: name.toLowerCase(), type, overTcp };
    server.asked.push(question);
    const said = server.answer(question);
    if (said === "silence") return undefined;
    if (said instanceof Uint8Array) return Buffer.from(said);
    const records = typeof said === "object" ? said.map((record) => encode({ name, ...record })) : [];
    const body = Buffer.concat(records);
    const tooLong = said === "truncated" || (!overTcp && body.length > MAX_UDP_BYTES);
    const flags = 0x8180 | (tooLong ? 0x0200 : 0) | (typeof said === "number" ? said : 0);
    const counts = [1, tooLong ? 0 : records.length, 0, 0];
    const head = Buffer.concat([query.subarray(0, 2), uint16(flags), ...counts.map(uint16), query.subarray(12, end)]);
    return tooLong ? head : Buffer.concat([head, body]);
  }
  return server;
}

function readQuestion(query: Buffer): { name: string; type: RecordType | undefined; end: number } {
  const labels: string[] = [];
  let at = 12;
  while (query[at]! > 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
    at += 1 + query[at]!;
  }
  const code = query.readUInt16BE(at + 1);
  const type = (Object.keys(TYPES) as RecordType[]).find((each) => TYPES[each] === code);
  return { name: labels.join("."), type, end: at + 5 };
}

function encode({ type, data, name }: DnsRecord & { name: string }): Buffer {
  const bytes = typeof data === "string" ? encodeData(type, data) : Buffer.from(data);
  // Class IN, and a time to live of 0: nobody may remember it.
  return Buffer.concat([
    encodeName(name),
    uint16(TYPES[type]),
    uint16(1),
    Buffer.alloc(4),
    uint16(bytes.length),
    bytes,
  ]);
}

function encodeData(type: RecordType, text: string): Buffer {
  if (type === "CNAME") return encodeName(text);
  if (type === "A") return Buffer.from(text.split(".").map(Number));
  const { hostname } = new URL(`http://[${text}]/`);
  const [left = "", right] = hostname.slice(1, -1).split("::");
  const words = (half: string) => half.split(":").filter(Boolean);
  const tail = right === undefined ? [] : words(right);
  const zeros = Array.from({ length: 8 - words(left).length - tail.length }, () => "0");
  return Buffer.concat([...words(left), ...zeros, ...tail].map((word) => uint16(Number.parseInt(word, 16))));
}

function encodeName(name: string): Buffer {
  const labels = name.split(".").filter(Boolean);
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, "latin1")]),
    Buffer.from([0]),
  ]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
