/** Every generation of Alby's lightning-tools that changed its L402 client, as published on npm. */
import { fetch402 } from "@getalby/lightning-tools/402";
import { fetchWithL402 as fetch9 } from "@getalby/lightning-tools/402/l402";
import { l402 as alby5 } from "alby-5";
import { fetchWithL402 as fetch6, MemoryStorage as Storage6 } from "alby-6/l402";
import { fetchWithL402 as fetch81 } from "alby-8-1/402/l402";
import { fetchWithL402 as fetch82 } from "alby-8-2/402/l402";
import { type Call, type Client, fetchArguments, type Session, type Wallet } from "./client.ts";

/** Up to version 7: a WebLN wallet, and a token kept per URL for ever. */
function keeping(fetchWithL402: typeof fetch6, newStore: () => object): Client["open"] {
  return (wallet) => {
    const store = newStore();
    const webln = {
      enable: async () => undefined,
      sendPayment: async (invoice: string) => ({ preimage: await wallet.pay(invoice) }),
    };
    return async (call) => (await fetchWithL402(call.url, fetchArguments(call), { webln, store } as never)).status;
  };
}

/** From version 8: a wallet object, and no memory. */
function forgetting(fetchWithL402: typeof fetch81): Client["open"] {
  return (wallet) => async (call) =>
    (await fetchWithL402(call.url, fetchArguments(call), { wallet: payer(wallet) })).status;
}

/** Version 9 hands the credential out; its caller brings it back for the next call. */
function handingBack(wallet: Wallet): Session {
  let credentials: { header: string; value: string } | undefined;
  return async (call: Call) => {
    const options = { wallet: payer(wallet), ...(credentials && { credentials }) };
    const response = await fetch402(call.url, fetchArguments(call), options);
    credentials = response.payment?.credentials ?? credentials;
    return response.status;
  };
}

const payer = (wallet: Wallet) => ({
  payInvoice: async ({ invoice }: { invoice: string }) => ({ preimage: await wallet.pay(invoice) }),
});

const stuck = { whenSpent: "returns the 402", keepsToken: true, inBrowsers: true } as const;
const buysEachTime = { whenSpent: "pays again", keepsToken: false, inBrowsers: true } as const;

export const ALBY: Client[] = [
  { name: "Alby 5.2.1", ...stuck, open: keeping(alby5.fetchWithL402, () => new alby5.MemoryStorage()) },
  { name: "Alby 6.1.0", ...stuck, open: keeping(fetch6, () => new Storage6()) },
  { name: "Alby 8.1.1", ...buysEachTime, open: forgetting(fetch81) },
  { name: "Alby 8.2.0", ...buysEachTime, open: forgetting(fetch82) },
  { name: "Alby 9.0.1 fetchWithL402", ...buysEachTime, open: forgetting(fetch9) },
  { name: "Alby 9.0.1 fetch402", ...buysEachTime, open: forgetting(fetch402) },
  { name: "Alby 9.0.1, credential handed back", ...stuck, open: handingBack },
];
