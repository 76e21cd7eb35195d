/** A foreign L402 client as the matrix sees it: something that is given calls and a wallet, and may pay or not. */

/** One call of a paid operation. `authorization` is a credential that the caller brings along. */
export type Call = { url: string; body: unknown; authorization?: string };

/** A client with an empty token store. Resolves with the status its user gets, rejects with the error its user gets. */
export type Session = (call: Call) => Promise<number>;

export type Client = {
  name: string;
  /**
   * What a second call gets when the token that the first one bought is spent: some clients pay again, some return the
   * 402 for their caller to decide. No client keeps paying.
   */
  whenSpent: "pays again" | "returns the 402";
  /** Whether it keeps the token it has bought for its next call. */
  keepsToken: boolean;
  /** Whether it is made for browsers too, whose preflight must allow what it sends. */
  inBrowsers?: boolean;
  open(wallet: Wallet): Session;
};

/** A wallet that counts what it is asked to pay, and gives out before a loop empties it. */
export type Wallet = { pay(invoice: string): Promise<string>; readonly invoices: readonly string[] };

const MOST_PAYMENTS = 5;

/** `pay` resolves with the preimage in hex. */
export function countingWallet(pay: (invoice: string) => Promise<string>): Wallet {
  const invoices: string[] = [];
  return {
    invoices,
    async pay(invoice) {
      if (invoices.length >= MOST_PAYMENTS) throw new Error("this wallet pays no more: the client is in a loop");
      invoices.push(invoice);
      return pay(invoice);
    },
  };
}

/** The request of a call, as `fetch` takes it. A new object each time, because some clients write into it. */
export function fetchArguments({ body, authorization }: Call): {
  method: string;
  headers: Record<string, string>;
  body: string;
} {
  return {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(authorization !== undefined && { Authorization: authorization }),
    },
    body: JSON.stringify(body),
  };
}
