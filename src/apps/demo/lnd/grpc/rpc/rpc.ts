/** What an RPC of the simulated LND is: its permission, and how it answers. */
import type { RpcRefusal } from "../../node/refusal.ts";
import type { LocalNode, World } from "../../node/world.ts";
import type { Conduct } from "../conduct.ts";
import type { Permission } from "../permissions.ts";
import type { Message } from "../request.ts";

/** Everything a handler works with: the world, and the node whose server this is. */
export type Scene = {
  world: World;
  node: LocalNode;
  conduct: Conduct;
  graphBytes: () => Promise<Buffer>;
  /** A macaroon (hex) that grants just this. */
  bake: (permissions: readonly Permission[]) => string;
};

/** A stream to the client. `onClosed` calls back once, however the stream ends. */
export type Stream = {
  send(message: Message): void;
  end(): void;
  fail(error: unknown): void;
  onClosed(listener: () => void): void;
};

/** One answer for one request. A throw is the refusal. */
export type UnaryRpc = {
  permission: Permission | undefined;
  answer: (scene: Scene, request: Message) => Promise<Message | Buffer> | Message | Buffer;
};

/**
 * Many answers for one request. A throw before the first is the refusal. `farewell` is what the client hears when the
 * node is stopped in order; without it the stream just ends.
 */
export type StreamRpc = {
  permission: Permission;
  stream: (scene: Scene, request: Message, stream: Stream) => void;
  farewell?: RpcRefusal;
};

/** By full name, such as `/lnrpc.Lightning/GetInfo`. */
export type RpcTable = Record<string, UnaryRpc | StreamRpc>;
