/** How the simulated LND refuses a call: a gRPC status and LND's own words. */

/** The statuses LND uses (google.rpc.Code). Most refusals of a request are plain UNKNOWN. */
export const RPC_STATUS = {
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  internal: 13,
  unavailable: 14,
} as const;

/** Carries `code` and `details` in the shape grpc-js sends to the client. */
export class RpcRefusal extends Error {
  override readonly name = "RpcRefusal";
  readonly code: number;
  readonly details: string;

  constructor(details: string, code: number = RPC_STATUS.unknown) {
    super(details);
    this.code = code;
    this.details = details;
  }
}
