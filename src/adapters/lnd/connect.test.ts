import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { makeCertificate } from "../../testing/self-signed-certificate.ts";
import { callLnd } from "./call.ts";
import { closeLnd, connectLnd } from "./connect.ts";

const macaroonHex = "0201036c6e64";
let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node.kill());

test("calls reach the node whose certificate was given, with the macaroon, by address and by name", async () => {
  let sent = "";
  node.unary.GetInfo = (_request, macaroon) => {
    sent = macaroon;
    return { alias: "test" };
  };
  for (const host of [node.host, node.host.replace("127.0.0.1", "localhost")]) {
    const client = connectLnd({ host, tlsCert: node.certificate.cert, macaroonHex });
    const answer = await callLnd(client, "GetInfo", {});
    closeLnd(client);
    expect(answer.fields["alias"]).toBe("test");
    expect(sent).toBe(macaroonHex);
  }
});

test("another certificate is refused before the macaroon is sent, and the error says what to do", async () => {
  let asked = false;
  node.unary.GetInfo = () => {
    asked = true;
    return {};
  };
  const client = connectLnd({ host: node.host, tlsCert: makeCertificate().cert, macaroonHex });
  await expect(callLnd(client, "GetInfo", {})).rejects.toMatchObject({
    code: "LND_UNAVAILABLE",
    message: expect.stringMatching(/another certificate .* copy the node's tls\.cert again/),
  });
  expect(asked).toBe(false);
  closeLnd(client);
});

test("of several certificates in the file only the first is the node's", async () => {
  const bundle = Buffer.concat([makeCertificate().cert, node.certificate.cert]);
  const client = connectLnd({ host: node.host, tlsCert: bundle, macaroonHex });
  await expect(callLnd(client, "GetInfo", {})).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  closeLnd(client);
});

test("an expired certificate is refused and named", async () => {
  const expired = await startTestNode(makeCertificate("210101000000Z"));
  const client = connectLnd({ host: expired.host, tlsCert: expired.certificate.cert, macaroonHex });
  await expect(callLnd(client, "GetInfo", {})).rejects.toMatchObject({
    code: "LND_UNAVAILABLE",
    message: expect.stringContaining("expired"),
  });
  closeLnd(client);
  expired.kill();
});

test("a port where nothing listens is named", async () => {
  const gone = await startTestNode();
  gone.kill();
  const client = connectLnd({ host: gone.host, tlsCert: gone.certificate.cert, macaroonHex });
  await expect(callLnd(client, "GetInfo", {})).rejects.toMatchObject({
    code: "LND_UNAVAILABLE",
    message: expect.stringContaining("nothing listens there"),
  });
  closeLnd(client);
});

test("a closed client fails its calls, and those under way go on to their end", async () => {
  const client = connectLnd({ host: node.host, tlsCert: node.certificate.cert, macaroonHex });
  let answer = (_info: object): void => {};
  const asked = new Promise<void>((resolve) => {
    node.unary.GetInfo = () => {
      resolve();
      return new Promise<object>((done) => {
        answer = done;
      });
    };
  });
  const underWay = callLnd(client, "GetInfo", {});
  await asked;
  closeLnd(client);
  await expect(callLnd(client, "GetInfo", {})).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  answer({ alias: "late" });
  expect((await underWay).fields["alias"]).toBe("late");
});

test.each([
  { name: "a host without a port", change: { host: "127.0.0.1" } },
  { name: "a host with a scheme", change: { host: "https://127.0.0.1:10009" } },
  { name: "a certificate that is none", change: { tlsCert: Buffer.from("tls.cert") } },
  { name: "an empty macaroon", change: { macaroonHex: "" } },
  { name: "a macaroon that is not hex", change: { macaroonHex: "AgEDbG5k" } },
])("$name is CONFIG_INVALID", ({ change }) => {
  const options = { host: node.host, tlsCert: node.certificate.cert, macaroonHex, ...change };
  expect(() => connectLnd(options)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
