/** Api processes as a driver sees them: started ahead, killed with SIGKILL, stopped and continued, always replaced. */
import { type ChildProcess, fork } from "node:child_process";
import http from "node:http";
import { extname } from "node:path";
import { compiled } from "../compiled.ts";
import type { TollNode } from "../toll-api.ts";
import type { Begin, NodeCall, ToChild, ToDriver } from "./protocol.ts";

const CHILD = compiled(new URL(`./child${extname(import.meta.url)}`, import.meta.url));

/** One place behind the load balancer. `port` is absent while nobody is there. */
export type Place = {
  name: string;
  child?: ChildProcess;
  port?: number;
  stopped: boolean;
  /** Counts those who stood here. */
  generation: number;
  agent: http.Agent;
};

export class Processes {
  readonly places: Place[];
  readonly counts = { started: 0, killed: 0, stopped: 0, sweptCharges: 0, unasked: [] as string[] };
  /** What their logs called unexpected. */
  readonly failures: string[] = [];
  readonly #begin: (place: number) => Begin;
  readonly #node: TollNode;
  #spare: ChildProcess | undefined;
  #ending = false;

  constructor(count: number, node: TollNode, begin: (place: number) => Begin) {
    this.#node = node;
    this.#begin = begin;
    this.places = Array.from({ length: count }, (_, index) => ({
      name: `api ${index}`,
      stopped: false,
      generation: 0,
      agent: newAgent(),
    }));
  }

  async start(): Promise<void> {
    await Promise.all(this.places.map((_, index) => this.#fill(index)));
  }

  /** SIGKILL; the next one takes the place as soon as it listens. */
  async kill(index: number): Promise<void> {
    const place = this.places[index]!;
    if (!place.child || place.port === undefined) return;
    this.counts.killed += 1;
    await this.#remove(place);
    await this.#fill(index);
  }

  /** SIGSTOP for so long, then SIGCONT: to the others this is a dead process that comes back. */
  async pause(index: number, forMs: number): Promise<void> {
    const place = this.places[index]!;
    const { child } = place;
    if (!child || place.port === undefined || place.stopped) return;
    this.counts.stopped += 1;
    place.stopped = true;
    child.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, forMs));
    child.kill("SIGCONT");
    if (place.child === child) place.stopped = false;
  }

  /** Kills everybody, for good. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#spare?.kill("SIGKILL");
    await Promise.all(this.places.map((place) => this.#remove(place)));
  }

  async #remove(place: Place): Promise<void> {
    const { child, agent } = place;
    delete place.child;
    delete place.port;
    place.stopped = false;
    place.agent = newAgent();
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    }
    agent.destroy();
  }

  async #fill(index: number): Promise<void> {
    const place = this.places[index]!;
    const child = this.#spare ?? this.#fork();
    this.#spare = undefined;
    place.child = child;
    const port = await new Promise<number | undefined>((resolve) => {
      child.on("message", (message: ToDriver) => {
        if (message.kind === "listening") resolve(message.port);
      });
      child.once("exit", () => resolve(undefined));
      send(child, this.#begin(index));
    });
    if (this.#ending || place.child !== child) return;
    if (port === undefined) throw new Error(`an api process ended before it listened: ${this.counts.unasked.at(-1)}`);
    place.port = port;
    place.generation += 1;
    this.#spare ??= this.#fork();
  }

  #fork(): ChildProcess {
    const child = fork(CHILD, {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.counts.started += 1;
    let complained = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      complained = (complained + chunk.toString()).slice(-2_000);
    });
    child.on("message", (message: ToDriver) => {
      if (message.kind === "node") void this.#answer(child, message);
      else if (message.kind === "swept") this.counts.sweptCharges += message.count;
      else if (message.kind === "failure") this.failures.push(message.line);
    });
    child.once("exit", (code) => {
      if (this.#spare === child) this.#spare = undefined;
      // By itself, an api process never ends.
      if (code !== null && !this.#ending) this.counts.unasked.push(`exit ${code}: ${complained}`);
    });
    return child;
  }

  async #answer(child: ChildProcess, { id, verb, argument }: NodeCall): Promise<void> {
    try {
      const result = await (this.#node[verb] as (argument: unknown) => Promise<unknown>)(argument);
      send(child, { kind: "node", id, result });
    } catch (error) {
      send(child, { kind: "node", id, failure: String(error) });
    }
  }
}

function newAgent(): http.Agent {
  return new http.Agent({ keepAlive: true, maxSockets: 256 });
}

/** To a child that is gone nothing is told. */
function send(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => undefined);
}
