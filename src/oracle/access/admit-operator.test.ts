/** Who is served without paying, what the others are told, and what each of them costs. */
import { expect, test } from "vitest";
import { hashOperatorSecret, newOperatorToken, type OperatorToken } from "../../core/operator-token.ts";
import { unixSeconds } from "../../core/units.ts";
import { identifyOperator, type OperatorPorts, operatorError, useOperator } from "./admit-operator.ts";

const now = unixSeconds(1_790_000_000);
const secret = "a-plain-secret-of-more-than-32-characters";
const grant = { label: "probe", operations: ["resolveIntent"], lifeSec: 60, maxUses: undefined };
const made = newOperatorToken(
  Uint8Array.from({ length: 38 }, (_, index) => index),
  grant,
  now,
);
const other = newOperatorToken(
  Uint8Array.from({ length: 38 }, (_, index) => 100 + index),
  grant,
  now,
);
/** The id of one with the secret of another. */
const mixed = `${made.text.slice(0, 17)}${other.text.slice(17)}`;

type World = {
  token?: OperatorToken | undefined;
  secretHash?: Uint8Array | undefined;
  guesses?: number;
  waits?: number;
};

/** Counts what is asked of it. */
function fakePorts({ token = made.token, guesses = 10, waits = 0, ...rest }: World = {}) {
  const asked = { finds: 0, guesses: 0, uses: [] as unknown[] };
  const ports: OperatorPorts = {
    secretHash: "secretHash" in rest ? rest.secretHash : hashOperatorSecret(secret),
    async findToken(tokenId) {
      asked.finds += 1;
      return tokenId === token.tokenId ? token : undefined;
    },
    async useToken(use) {
      asked.uses.push(use);
      return token.revokedAt === undefined ? { used: true } : { used: false, reason: "revoked" };
    },
    async useSecret(use) {
      asked.uses.push(use);
    },
    guessWaitSec: () => waits,
    async takeGuess() {
      asked.guesses += 1;
      return asked.guesses > guesses ? 42 : 0;
    },
  };
  return { ports, asked };
}

const ask = (presented: string[], operation = "resolveIntent") => ({
  presented,
  operation,
  addressRange: "192.0.2.0/24",
  now,
});

test.each([
  { name: "the plain secret opens everything", lines: [secret], operation: "anything", by: { by: "secret" } },
  { name: "a token opens what it names", lines: [made.text], by: { by: "token", tokenId: made.token.tokenId } },
  { name: "lines that agree are one", lines: [secret, secret], by: { by: "secret" } },
])("$name, and nothing is written to find that out", async ({ lines, operation, by }) => {
  const { ports, asked } = fakePorts();
  expect(await identifyOperator(ports, ask(lines, operation))).toEqual({ known: true, operator: by });
  expect(asked).toMatchObject({ guesses: 0, uses: [] });
});

test.each([
  { name: "an empty line", lines: [""], finds: 0 },
  { name: "no line", lines: [], finds: 0 },
  { name: "a text in no form", lines: ["guess"], finds: 0 },
  { name: "the plain secret in another case", lines: [secret.toUpperCase()], finds: 0 },
  { name: "lines that disagree", lines: [secret, made.text], finds: 0 },
  { name: "five lines of the right secret", lines: Array(5).fill(secret), finds: 0 },
  { name: "a line longer than any header", lines: ["a".repeat(16_385)], finds: 0 },
  { name: "a token nobody made", lines: [other.text], finds: 1 },
  { name: "the right id with a wrong secret", lines: [mixed], finds: 1 },
])("$name is not known, is counted, and tells nothing else", async ({ lines, finds }) => {
  const { ports, asked } = fakePorts();
  const found = await identifyOperator(ports, ask(lines));
  expect(found).toEqual({ known: false, refused: { reason: "invalid" } });
  expect(asked).toMatchObject({ finds, guesses: 1 });
});

test("without a plain secret in the settings, none is right", async () => {
  const { ports } = fakePorts({ secretHash: undefined });
  expect(await identifyOperator(ports, ask([secret]))).toMatchObject({ known: false, refused: { reason: "invalid" } });
  expect(await identifyOperator(ports, ask([made.text]))).toMatchObject({ known: true });
});

test.each([
  { reason: "revoked", changes: { revokedAt: now } },
  { reason: "expired", changes: { expiresAt: now } },
  { reason: "out-of-scope", changes: { operations: ["searchNodes"] } },
  { reason: "used-up", changes: { maxUses: 3, uses: 3 } },
])("$reason is told to the holder of the secret and to nobody else", async ({ reason, changes }) => {
  const { ports, asked } = fakePorts({ token: { ...made.token, ...changes } });
  const told = { known: false, refused: { reason, tokenId: made.token.tokenId } };
  expect(await identifyOperator(ports, ask([made.text]))).toEqual(told);
  expect(asked.guesses).toBe(0);
  expect(await identifyOperator(ports, ask([mixed]))).toEqual({ known: false, refused: { reason: "invalid" } });
});

test("one wrong credential too many is limited, and says for how long", async () => {
  const { ports } = fakePorts({ guesses: 2 });
  const reasons = [];
  for (let i = 0; i < 4; i++) {
    const found = await identifyOperator(ports, ask([`guess ${i}`]));
    reasons.push(found.known ? "known" : found.refused);
  }
  const limited = { reason: "limited", retryAfterSec: 42 };
  expect(reasons).toEqual([{ reason: "invalid" }, { reason: "invalid" }, limited, limited]);
});

test("a range that has no guesses left is refused before anything is compared or asked", async () => {
  const { ports, asked } = fakePorts({ waits: 7 });
  for (const line of [secret, made.text, "guess"]) {
    const found = await identifyOperator(ports, ask([line]));
    expect(found).toEqual({ known: false, refused: { reason: "limited", retryAfterSec: 7 } });
  }
  expect(asked).toEqual({ finds: 0, guesses: 0, uses: [] });
});

test("a use is written down under what was found, and what ended in the meantime is not served", async () => {
  const call = { operation: "resolveIntent", requestId: "r1", address: "192.0.2.7", at: now };
  const { ports, asked } = fakePorts();
  const operator = { by: "token", tokenId: made.token.tokenId } as const;
  expect(await useOperator(ports, operator, call)).toEqual({ served: true, use: operator });
  expect(await useOperator(ports, { by: "secret" }, call)).toEqual({ served: true, use: { by: "secret" } });
  expect(asked.uses).toEqual([{ ...call, tokenId: operator.tokenId }, call]);

  const revoked = fakePorts({ token: { ...made.token, revokedAt: now } });
  const refused = { reason: "revoked", tokenId: operator.tokenId };
  expect(await useOperator(revoked.ports, operator, call)).toEqual({ served: false, refused });
});

test("no proof is given when the row cannot be written", async () => {
  const { ports } = fakePorts();
  const broken: OperatorPorts = {
    ...ports,
    useSecret: () => Promise.reject(new Error("no database")),
    useToken: () => Promise.reject(new Error("no database")),
  };
  const call = { operation: "resolveIntent", requestId: "r1", address: "192.0.2.7", at: now };
  await expect(useOperator(broken, { by: "secret" }, call)).rejects.toThrow("no database");
  await expect(useOperator(broken, { by: "token", tokenId: made.token.tokenId }, call)).rejects.toThrow("no database");
});

test.each([
  { refused: { reason: "invalid" } as const, code: "OPERATOR_TOKEN_INVALID" },
  { refused: { reason: "revoked", tokenId: "0" } as const, code: "OPERATOR_TOKEN_REVOKED" },
  { refused: { reason: "expired", tokenId: "0" } as const, code: "OPERATOR_TOKEN_EXPIRED" },
  { refused: { reason: "out-of-scope", tokenId: "0" } as const, code: "OPERATOR_TOKEN_OUT_OF_SCOPE" },
  { refused: { reason: "used-up", tokenId: "0" } as const, code: "OPERATOR_TOKEN_USED_UP" },
  { refused: { reason: "limited", retryAfterSec: 9 } as const, code: "RATE_LIMITED" },
])("$refused.reason is $code", ({ refused, code }) => {
  expect(operatorError(refused).code).toBe(code);
});
