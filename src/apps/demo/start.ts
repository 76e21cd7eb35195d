/**
 * The embedded world: a simulated Lightning network behind a real LND interface, its funded payer, a market of L402 services, and a
 * Nostr relay.
 */

import { readFileSync } from "node:fs";
import path from "node:path";
import type { Router } from "express";
import { closeLnd, connectLnd } from "../../adapters/lnd/connect.ts";
import { sendPayment } from "../../adapters/lnd/send-payment.ts";
import { decodeInvoice } from "../../core/bolt11/decode.ts";
import { fromHex, toHex } from "../../core/bytes.ts";
import { msat } from "../../core/units.ts";
import type { Config } from "../config.ts";
import type { LndEndpoint } from "../lnd-endpoint.ts";
import { startSimulatedLightning } from "./lnd/start.ts";
import { demoPayRouter } from "./pay.ts";
import { startLocalRelay } from "./relay/start.ts";
import { type Market, startMarket } from "./services/start.ts";
import { openTill } from "./services/till.ts";

export type DemoWorld = {
  lnd: LndEndpoint;
  relayUrl: string;
  market: Pick<Market, "directoryUrl" | "addresses">;
  router: Router;
  stop(): Promise<void>;
};

/** What the demo payer gives for routing, at most. */
const FEE_LIMIT = msat(10_000_000n);
const PAYMENT_TIMEOUT_SEC = 30;

export async function startDemoWorld(options: {
  dataDir: string;
  config: Config;
  signal: AbortSignal;
}): Promise<DemoWorld> {
  const { dataDir, config } = options;
  const relay = await startLocalRelay({
    dataDir: path.join(dataDir, "relay"),
    host: "127.0.0.1",
    port: config.DEMO_RELAY_PORT,
  });
  // Finer than the program's own clock: an invoice expires in the middle of a second.
  const now = () => Date.now() / 1000;
  const lightning = await startSimulatedLightning({
    dataDir: path.join(dataDir, "lightning"),
    ...(config.GRAPH !== undefined && { graphPath: path.resolve(config.GRAPH) }),
    now,
  });
  const { oracle, payer, shop, bazaar } = lightning;
  const [shopTill, bazaarTill] = [openTill(shop), openTill(bazaar)];
  const market = await startMarket({
    tills: { shop: shopTill.till, bazaar: bazaarTill.till },
    port: config.DEMO_MARKET_PORT,
    now,
  });
  const macaroonHex = toHex(readFileSync(payer.macaroonPaths.pay));
  const wallet = connectLnd({ host: payer.host, tlsCert: readFileSync(payer.tlsCertPath), macaroonHex });
  const pay = async (invoice: string) => {
    // What was paid once is not paid again: the wallet's own record answers.
    const known = lightning.preimageOf(toHex(decodeInvoice(invoice).paymentHash));
    const preimage = known === undefined ? undefined : fromHex(known);
    if (preimage) return { status: "succeeded" as const, preimage };
    return sendPayment(wallet, { invoice, feeLimit: FEE_LIMIT, timeoutSec: PAYMENT_TIMEOUT_SEC });
  };
  return {
    lnd: {
      host: oracle.host,
      tlsCertPath: oracle.tlsCertPath,
      invoiceMacaroonPath: oracle.macaroonPaths.sell,
      readonlyMacaroonPath: oracle.macaroonPaths.read,
      payMacaroonPath: oracle.macaroonPaths.pay,
    },
    relayUrl: relay.url,
    market,
    router: demoPayRouter({ pay }),
    async stop() {
      await market.stop();
      shopTill.close();
      bazaarTill.close();
      closeLnd(wallet);
      await lightning.stop();
      await relay.stop();
    },
  };
}
