/** L402 clients of npm that bring many packages along: Sulu's axios interceptor, and lsat-js under a plain fetch. */
import axios, { isAxiosError } from "axios";
import { MemoryTokenStore, setupL402Interceptor } from "l402";
import { Lsat } from "lsat-js";
import { type Client, fetchArguments } from "../../src/testing/interop/client.ts";

/** Keeps the token per host, path and method. Pays on every 402 it sees, without end. */
const sulu: Client = {
  name: "Sulu l402 0.5.1",
  whenSpent: "pays again",
  keepsToken: true,
  inBrowsers: true,
  open(wallet) {
    const instance = axios.create();
    const payInvoice = async (invoice: string) => ({ preimage: await wallet.pay(invoice), success: true });
    // Its types name the CommonJS build of axios, which is another type with the same members.
    setupL402Interceptor(instance as never, { payInvoice }, new MemoryTokenStore());
    return async (call) => {
      const { headers } = fetchArguments(call);
      try {
        return (await instance.post(call.url, call.body, { headers })).status;
      } catch (error) {
        if (isAxiosError(error) && error.response) return error.response.status;
        throw error;
      }
    };
  },
};

/** Reads the challenge, checks the preimage against it, writes the credential; requests are its user's business. */
const lsatJs: Client = {
  name: "lsat-js 2.0.6",
  whenSpent: "pays again",
  keepsToken: false,
  open: (wallet) => async (call) => {
    const first = await fetch(call.url, fetchArguments(call));
    const header = first.headers.get("www-authenticate");
    if (first.status !== 402 || header === null) return first.status;
    const lsat = Lsat.fromHeader(header);
    lsat.setPreimage(await wallet.pay(lsat.invoice));
    return (await fetch(call.url, fetchArguments({ ...call, authorization: lsat.toToken() }))).status;
  },
};

export const HEAVY: Client[] = [sulu, lsatJs];
