/** `satrank intent`: asks a running oracle whether a payment will arrive, and says how to pay for the answer. */
import { Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { OracleError } from "../../../core/errors.ts";
import { parseSubject } from "../../../core/subject.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";
import { urlOf } from "../url-option.ts";

const TIMEOUT_MS = 60_000;

type Options = {
  caller: string;
  amountSat?: bigint;
  amountMsat?: bigint;
  url: string;
  credential?: string;
  payDemo?: boolean;
};

const challengeSchema = z.object({
  code: z.string(),
  detail: z.string(),
  invoice: z.string(),
  macaroon: z.string(),
  amountSats: z.number(),
});
const problemSchema = z.object({ code: z.string(), detail: z.string() });
const preimageSchema = z.object({ preimage: z.string().regex(/^[0-9a-f]{64}$/) });
const estimate = z.object({ probability: z.number(), interval: z.object({ low: z.number(), high: z.number() }) });
const answerSchema = z.object({
  data: estimate.loose().extend({
    verdict: z.string(),
    amountMsat: z.string(),
    firstTryProbability: z.number(),
    route: z.object({ feeMsat: z.string(), cltvDelta: z.number(), hops: z.number() }).loose().nullable(),
    reasons: z.array(z.object({ text: z.string() }).loose()),
    alternatives: z.array(estimate.extend({ text: z.string() }).loose()),
    unknowns: z.array(z.object({ text: z.string() }).loose()),
  }),
});
type Answer = z.infer<typeof answerSchema>["data"];

export function intentCommand(output: Output): Command {
  return new Command("intent")
    .description("ask whether a payment to a node will arrive, and what else could be done")
    .argument("<target>", "66-hex public key, its 64-hex SHA-256, or alias@<name>", nodeName)
    .requiredOption("--caller <node>", "who would pay, named in the same way", nodeName)
    .addOption(
      new Option("--amount-sat <n>", "amount in sat (default 100000)").argParser(wholeNumber).conflicts("amountMsat"),
    )
    .option("--amount-msat <n>", "amount in msat", wholeNumber)
    .option("--url <origin>", "where the oracle is", urlOf("http", "https"), "http://127.0.0.1:3000")
    .option("--credential <macaroon:preimage>", "a paid token")
    .option("--pay-demo", "let the embedded world's payer pay the challenge")
    .action(async (target: string, options: Options) => {
      const first = await ask(target, options, options.credential);
      if (first.status !== 402) return show(output, first);
      const challenge = challengeSchema.parse(first.body);
      if (!options.payDemo) return explainPayment(output, challenge);
      output.progress(`paying ${challenge.amountSats} sat ...`);
      const credential = `${challenge.macaroon}:${await payDemo(options.url, challenge.invoice)}`;
      try {
        const paid = await ask(target, options, credential);
        output.progress("");
        show(output, paid, credential);
      } catch (error) {
        output.rescue({ credential }, `paid, but not answered: use it with --credential '${credential}'`);
        throw error;
      }
    });
}

/** Checked here, before anything is paid: the oracle would refuse the name only after the payment. */
function nodeName(text: string): string {
  try {
    parseSubject(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(text: string): bigint {
  if (!/^[1-9]\d{0,18}$/.test(text)) throw new InvalidArgumentError("a whole number above 0 is needed");
  return BigInt(text);
}

type Reply = { status: number; body: unknown; balanceMsat: string | null };

async function ask(target: string, options: Options, credential: string | undefined): Promise<Reply> {
  const amount = options.amountMsat ?? (options.amountSat === undefined ? undefined : options.amountSat * 1000n);
  const body = { target, caller: options.caller, ...(amount !== undefined && { amountMsat: String(amount) }) };
  return post(
    `${options.url}/api/intent`,
    body,
    credential === undefined ? {} : { Authorization: `L402 ${credential}` },
  );
}

async function payDemo(url: string, invoice: string): Promise<string> {
  const reply = await post(`${url}/demo/pay`, { invoice }, {});
  if (reply.status === 200) return preimageSchema.parse(reply.body).preimage;
  const detail = problemSchema.safeParse(reply.body).data?.detail ?? `status ${reply.status}`;
  throw new OracleError("PAYMENT_FAILED", `the demo payer did not pay: ${detail}`);
}

async function post(url: string, body: unknown, headers: Record<string, string>): Promise<Reply> {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
  try {
    const response = await fetch(url, request);
    return {
      status: response.status,
      body: await response.json(),
      balanceMsat: response.headers.get("x-satrank-balance-msat"),
    };
  } catch (cause) {
    process.stderr.write(`satrank: no answer from ${url}; is the oracle running (make run)?\n`);
    throw Object.assign(new Exit(EXIT.unreachable), { cause });
  }
}

function explainPayment(output: Output, challenge: z.infer<typeof challengeSchema>): never {
  output.result({ status: 402, ...challenge }, [
    `${challenge.detail} (${challenge.amountSats} sat)`,
    "",
    challenge.invoice,
    "",
    `then: satrank intent ... --credential '${challenge.macaroon}:<preimage>'`,
  ]);
  throw new Exit(EXIT.payment);
}

function show(output: Output, reply: Reply, credential?: string): void {
  if (reply.status !== 200) {
    const problem = problemSchema.safeParse(reply.body).data ?? {
      code: `HTTP_${reply.status}`,
      detail: "unexpected answer",
    };
    output.failure(problem.code, problem.detail);
    throw new Exit(EXIT.failed);
  }
  const { data } = answerSchema.parse(reply.body);
  const paid =
    credential === undefined
      ? []
      : ["", `balance left: ${reply.balanceMsat} msat; use it again with --credential '${credential}'`];
  output.result({ ...data, ...(credential !== undefined && { credential, balanceMsat: reply.balanceMsat }) }, [
    ...describe(output, data),
    ...paid,
  ]);
}

function describe(output: Output, data: Answer): string[] {
  const colour = data.verdict === "pay" ? "green" : data.verdict === "avoid" ? "red" : "yellow";
  const amount = `${(BigInt(data.amountMsat) / 1000n).toLocaleString("en")} sat`;
  const list = (heading: string, items: string[]) =>
    items.length === 0 ? [] : ["", output.paint("bold", heading), ...items.map((item) => `  ${item}`)];
  return [
    `${output.paint(colour, data.verdict.toUpperCase())}  ${chance(data)} for ${amount}; ${percent(data.firstTryProbability)} at the first try`,
    data.route === null
      ? "no route"
      : `best route: ${data.route.hops} hops, fee ${data.route.feeMsat} msat, CLTV ${data.route.cltvDelta}`,
    ...list(
      "Why",
      data.reasons.map((reason) => reason.text),
    ),
    ...list(
      "Instead",
      data.alternatives.map((each) => `${chance(each)}  ${each.text}`),
    ),
    ...list(
      "Not known",
      data.unknowns.map((unknown) => unknown.text),
    ),
  ];
}

function chance({ probability, interval }: z.infer<typeof estimate>): string {
  return `${percent(probability)} (${percent(interval.low)}-${percent(interval.high)})`;
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(0)} %`;
}
