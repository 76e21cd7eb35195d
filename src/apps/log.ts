/** Structured logs. Credentials never reach them: what may carry one is redacted by name, whoever logs it. */
import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

const SECRET_NAMES = [
  "authorization",
  "macaroon",
  "preimage",
  "x-operator-token",
  "x-api-key",
  "grpc-metadata-macaroon",
  "token",
  "secret",
];
const REDACTED = SECRET_NAMES.flatMap((name) => {
  const key = name.includes("-") ? `["${name}"]` : name;
  return [key, name.includes("-") ? `*${key}` : `*.${key}`, `headers${name.includes("-") ? key : `.${key}`}`];
});

export function createLog(options: { level: string; name: string; destination?: DestinationStream }): Logger {
  const settings = {
    name: options.name,
    level: options.level,
    base: {},
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    redact: { paths: [...new Set(REDACTED)], censor: "[redacted]" },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}
