/** How the commands speak: results on stdout, progress and problems on stderr, JSON when asked, colour when welcome. */

/** 0 done; 1 the answer is no, or a failure; 2 wrong usage; 3 payment is needed; 4 nobody answers. */
export const EXIT = { ok: 0, failed: 1, usage: 2, payment: 3, unreachable: 4 } as const;

export type Output = {
  /** Prints the result: the value as JSON with `--json`, otherwise the lines. */
  result(value: unknown, lines: string[]): void;
  /** Says what is going on, in place on a terminal; silent with `--json`. */
  progress(text: string): void;
  /** Says on stderr what must not be lost although the command fails, as JSON with `--json`. */
  rescue(value: Record<string, string>, text: string): void;
  failure(code: string, message: string): void;
  paint(colour: "green" | "red" | "yellow" | "dim" | "bold", text: string): string;
};

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

/** `colour` is decided by the caller: a terminal, and NO_COLOR unset (no-color.org). */
export function createOutput(options: { json: boolean; colour: boolean }): Output {
  const toTerminal = process.stderr.isTTY && !options.json;
  return {
    result(value, lines) {
      const text = options.json
        ? JSON.stringify(value, (_key, each) => (typeof each === "bigint" ? String(each) : each), 2)
        : lines.join("\n");
      process.stdout.write(`${text}\n`);
    },
    progress(text) {
      if (options.json) return;
      process.stderr.write(toTerminal ? `\r\u001b[2K${text}` : `${text}\n`);
      if (toTerminal && text === "") process.stderr.write("\r");
    },
    rescue(value, text) {
      process.stderr.write(`${options.json ? JSON.stringify(value) : text}\n`);
    },
    failure(code, message) {
      const text = options.json ? JSON.stringify({ error: { code, message } }) : `satrank: ${message} (${code})`;
      process.stderr.write(`${text}\n`);
    },
    paint: (colour, text) => (options.colour ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text),
  };
}

/** A command that ends with a code of its own, after it has said why. */
export class Exit extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}
