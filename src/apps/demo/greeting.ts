/** What `make run` prints when it is ready: the commands of a first paid call, to be pasted. */

const POLL_MS = 100;

type Nodes = { data: { nodes: { key: string; alias: string }[] } };

/** Waits until a paid call can be answered, then prints how to make one. */
export async function greet(options: { origin: string; signal: AbortSignal }): Promise<void> {
  const { origin, signal } = options;
  while (!signal.aborted && !(await isReady(origin))) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  if (signal.aborted) return;
  const response = await fetch(`${origin}/api/nodes?limit=40`, { signal });
  const { nodes } = ((await response.json()) as Nodes).data;
  const [target, caller] = [nodes.at(0), nodes.at(Math.floor(nodes.length / 3))];
  if (!target || !caller) return;
  console.log(firstCall(origin, target, caller));
}

async function isReady(origin: string): Promise<boolean> {
  return fetch(`${origin}/api/health/ready`).then(
    (response) => response.ok,
    () => false,
  );
}

function firstCall(origin: string, target: Nodes["data"]["nodes"][0], caller: Nodes["data"]["nodes"][0]): string {
  const question = `{"target":"${target.key}","caller":"${caller.key}","amountMsat":"100000000"}`;
  const field = (name: string) => `node -pe 'JSON.parse(fs.readFileSync(0)).${name}'`;
  return `
SatRank is ready at ${origin}

Ask whether 100,000 sat would reach ${JSON.stringify(target.alias)} from ${JSON.stringify(caller.alias)}.
Paste these lines into another terminal.

1. Ask. The answer is 402 Payment Required, with an invoice.

  QUESTION='${question}'
  curl -si ${origin}/api/intent -H 'Content-Type: application/json' -d "$QUESTION"; echo

2. Pay it, with the Lightning payer of this demo.

  CHALLENGE=$(curl -s ${origin}/api/intent -H 'Content-Type: application/json' -d "$QUESTION")
  MACAROON=$(printf %s "$CHALLENGE" | ${field("macaroon")})
  INVOICE=$(printf %s "$CHALLENGE" | ${field("invoice")})
  PREIMAGE=$(curl -s ${origin}/demo/pay -H 'Content-Type: application/json' -d "{\\"invoice\\":\\"$INVOICE\\"}" | ${field("preimage")})

3. Ask again with the proof of payment. The answer is the verdict.

  curl -si ${origin}/api/intent -H 'Content-Type: application/json' -H "Authorization: L402 $MACAROON:$PREIMAGE" -d "$QUESTION"; echo
`;
}
