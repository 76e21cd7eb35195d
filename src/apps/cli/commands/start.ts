/** `satrank demo`, `api`, `crawler`: the processes themselves. */
import { Command } from "commander";
import { main, type Process } from "../../main.ts";

const DESCRIPTIONS: [name: string, process: Process, description: string][] = [
  ["demo", "all", "start everything, embedding what is not configured (the same as make run)"],
  ["api", "api", "start the api; needs DATABASE_URL, LND_* and L402_MACAROON_SECRET"],
  ["crawler", "crawler", "start the crawler; needs the same settings"],
];

export function startCommands(): Command[] {
  return DESCRIPTIONS.map(([name, process, description]) =>
    new Command(name).description(description).action(() => main(process)),
  );
}
