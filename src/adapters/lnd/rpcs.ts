/**
 * The RPCs of LND this program calls, where they live, and the macaroon permission each needs (LND's own
 * `lncli listpermissions`). `docs/lnd.md` has the same table with what was observed.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { loadSync, type MethodDefinition, type PackageDefinition } from "@grpc/proto-loader";

/** An empty permission means that LND asks for no macaroon. */
export const RPCS = {
  GetState: { service: "lnrpc.State", permission: "" },
  GetInfo: { service: "lnrpc.Lightning", permission: "info:read" },
  DescribeGraph: { service: "lnrpc.Lightning", permission: "info:read" },
  SubscribeChannelGraph: { service: "lnrpc.Lightning", permission: "info:read" },
  GetChanInfo: { service: "lnrpc.Lightning", permission: "info:read" },
  QueryRoutes: { service: "lnrpc.Lightning", permission: "info:read" },
  AddInvoice: { service: "lnrpc.Lightning", permission: "invoices:write" },
  LookupInvoice: { service: "lnrpc.Lightning", permission: "invoices:read" },
  ListInvoices: { service: "lnrpc.Lightning", permission: "invoices:read" },
  SubscribeInvoices: { service: "lnrpc.Lightning", permission: "invoices:read" },
  CancelInvoice: { service: "invoicesrpc.Invoices", permission: "invoices:write" },
  LookupInvoiceV2: { service: "invoicesrpc.Invoices", permission: "invoices:write" },
  ListChannels: { service: "lnrpc.Lightning", permission: "offchain:read" },
  DeletePayment: { service: "lnrpc.Lightning", permission: "offchain:write" },
  DecodePayReq: { service: "lnrpc.Lightning", permission: "offchain:read" },
  ListPayments: { service: "lnrpc.Lightning", permission: "offchain:read" },
  TrackPaymentV2: { service: "routerrpc.Router", permission: "offchain:read" },
  SendPaymentV2: { service: "routerrpc.Router", permission: "offchain:write" },
  SendToRouteV2: { service: "routerrpc.Router", permission: "offchain:write" },
} as const;

export type Rpc = keyof typeof RPCS;

/** Calls that end when others let them: a payee or a hop that holds a payment decides how long they take. */
export const WAIT_FOR_OTHERS: ReadonlySet<Rpc> = new Set(["SendPaymentV2", "SendToRouteV2"]);

/** How one RPC is put on the wire: its path, and the codecs of its two messages. */
export type Method = MethodDefinition<object, object>;

let loaded: PackageDefinition | undefined;

/** The wire form of an RPC, from the .proto files LND publishes (package @lightningpolar/lnd-api). */
export function methodOf(rpc: Rpc): Method {
  loaded ??= loadProtos();
  const service = loaded[RPCS[rpc].service] as Record<string, Method>;
  return service[rpc] as Method;
}

/** Amounts and channel ids exceed 2^53, so 64-bit integers stay text until `fields.ts` reads them. */
function loadProtos(): PackageDefinition {
  const packageJson = createRequire(import.meta.url).resolve("@lightningpolar/lnd-api/package.json");
  const files = ["lightning.proto", "stateservice.proto", "routerrpc/router.proto", "invoicesrpc/invoices.proto"];
  return loadSync(files, {
    includeDirs: [join(dirname(packageJson), "protos")],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
}
