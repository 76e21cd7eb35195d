/**
 * A pool whose n-th statement goes wrong, before or after the server has done it: the process dies there, and nothing more of it
 * runs; or its connection breaks, and it lives on.
 */
import type pg from "pg";

/** What goes wrong, and where: `nth` counts from 1 after {@link MortalPool.arm}. */
export type Fault = { nth: number; when: "before" | "after"; what: "death" | "loss" };

export type MortalPool = {
  pool: pg.Pool;
  /** From here on statements are counted. */
  arm(fault: Fault | undefined): void;
  /** A call to somebody else, counted like a statement. */
  call<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Resolves when the process is dead. */
  died: Promise<"died">;
  /** Whether it went wrong. */
  struck(): boolean;
};

type Statement = (...parameters: unknown[]) => Promise<unknown>;

export function openMortalPool(healthy: pg.Pool): MortalPool {
  const checkedOut = new Set<pg.PoolClient>();
  let fault: Fault | undefined;
  let [count, struck, dead] = [0, false, false];
  let announce: (word: "died") => void = () => undefined;
  const died = new Promise<"died">((resolve) => {
    announce = resolve;
  });
  const never = new Promise<never>(() => undefined);

  const drop = (client: pg.PoolClient) => {
    if (checkedOut.delete(client)) client.release(true);
  };
  const strike = (client: pg.PoolClient | undefined): Promise<never> => {
    struck = true;
    if (fault?.what === "loss") {
      if (client) drop(client);
      throw new Error("Connection terminated unexpectedly");
    }
    dead = true;
    for (const each of checkedOut) drop(each);
    announce("died");
    return never;
  };
  const mortal =
    (statement: Statement, client?: pg.PoolClient): Statement =>
    async (...parameters) => {
      if (dead) return never;
      if (client && !checkedOut.has(client)) throw new Error("Connection terminated");
      if (fault) count += 1;
      const isIt = !struck && count === fault?.nth;
      if (isIt && fault?.when === "before") return strike(client);
      const result = await statement(...parameters);
      if (isIt) return strike(client);
      return dead ? never : result;
    };
  const mortalClient = (client: pg.PoolClient) =>
    new Proxy(client, {
      get(target, name) {
        if (name === "query") return mortal(target.query.bind(target) as Statement, target);
        if (name === "release") {
          return (error?: Error) => {
            if (checkedOut.delete(target)) target.release(error);
          };
        }
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const pool = new Proxy(healthy, {
    get(target, name) {
      if (name === "query") return mortal(target.query.bind(target) as Statement);
      if (name !== "connect") return Reflect.get(target, name, target);
      return async () => {
        if (dead) return never;
        const client = await target.connect();
        if (dead) {
          client.release();
          return never;
        }
        checkedOut.add(client);
        return mortalClient(client);
      };
    },
  });
  return {
    pool,
    died,
    call: <Result>(work: () => Promise<Result>) => mortal(work)() as Promise<Result>,
    struck: () => struck,
    arm(next) {
      fault = next;
    },
  };
}
