/**
 * Fifth stage: is the body what was promised? It is held to the type it declares and to what the endpoint said of it beforehand,
 * never to what words occur in it: a page about errors is a good answer to a question about errors.
 */
import { fromUtf8 } from "../bytes.ts";
import type { Promised } from "../endpoint/listing.ts";
import { bad, type HttpAnswer, type Judged, mediaType, unknown } from "./judged.ts";

/** How files of a type begin. */
const MAGIC: Readonly<Record<string, readonly (readonly number[])[]>> = {
  "image/png": [[0x89, 0x50, 0x4e, 0x47]],
  "image/jpeg": [[0xff, 0xd8, 0xff]],
  "image/gif": [[0x47, 0x49, 0x46, 0x38]],
  "image/webp": [[0x52, 0x49, 0x46, 0x46]],
  "audio/mpeg": [
    [0x49, 0x44, 0x33],
    [0xff, 0xfb],
    [0xff, 0xf3],
    [0xff, 0xf2],
  ],
  "audio/wav": [[0x52, 0x49, 0x46, 0x46]],
  "audio/ogg": [[0x4f, 0x67, 0x67, 0x53]],
  "video/webm": [[0x1a, 0x45, 0xdf, 0xa3]],
  "application/pdf": [[0x25, 0x50, 0x44, 0x46]],
  "application/zip": [[0x50, 0x4b]],
  "application/gzip": [[0x1f, 0x8b]],
};

export function judgeContent(answer: HttpAnswer, promised: Promised = {}): Judged {
  const { body } = answer;
  const declared = mediaType(answer);
  if (body.length === 0) return bad("EMPTY");
  if (promised.contentType !== undefined && declared !== undefined && !isOfType(declared, promised.contentType))
    return bad("TYPE_DIFFERS");
  const type = declared ?? promised.contentType;
  if (type === undefined) return unknown("TYPE_UNKNOWN");
  if (isJson(type)) return judgeJson(body, promised);
  const magic = MAGIC[type];
  if (magic)
    return magic.some((start) => start.every((byte, i) => body[i] === byte)) ? good : bad("BODY_IS_NOT_ITS_TYPE");
  if (type.startsWith("text/")) return isText(body) ? good : bad("BODY_IS_NOT_ITS_TYPE");
  return good;
}

const good = { verdict: "good", code: "OK" } as const;

function judgeJson(body: Uint8Array, { fields = [] }: Promised): Judged {
  const value = parse(body);
  if (value === undefined) return bad("BODY_IS_NOT_ITS_TYPE");
  const names = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (fields.some((field) => !names.includes(field))) return bad("FIELDS_MISSING");
  if (value === null || (typeof value === "object" && names.length === 0)) return bad("EMPTY");
  return fields.length === 0 && isFailureOnly(value, names) ? bad("ERROR_INSTEAD") : good;
}

/** Members that say nothing but that it failed, or how to name the failure. */
const FAILURE_WORDS = new Set([
  "error",
  "errors",
  "message",
  "detail",
  "details",
  "code",
  "status",
  "statuscode",
  "success",
  "ok",
  "requestid",
]);

/** An object that reports a failure and has nothing else to give (RFC 9457, and what came before it). */
function isFailureOnly(value: unknown, names: readonly string[]): boolean {
  if (Array.isArray(value) || typeof value !== "object") return false;
  const told = value as Record<string, unknown>;
  const failed = [told["error"], told["errors"]].some(isSaid) || told["success"] === false || told["ok"] === false;
  return failed && names.every((name) => FAILURE_WORDS.has(name.toLowerCase()));
}

const isSaid = (value: unknown) =>
  value !== undefined &&
  value !== null &&
  value !== false &&
  value !== "" &&
  !(Array.isArray(value) && value.length === 0);

const isJson = (type: string) => type === "application/json" || type === "text/json" || type.endsWith("+json");

/** "application/problem+json" is JSON, but not what somebody meant by "application/json" that promised an answer. */
function isOfType(declared: string, promised: string): boolean {
  if (declared === promised || promised === "*/*") return true;
  if (promised.endsWith("/*")) return declared.startsWith(promised.slice(0, -1));
  return isJson(promised) && isJson(declared) && declared !== "application/problem+json";
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

/** Text has no NUL, and little that is not a character. */
function isText(body: Uint8Array): boolean {
  if (body.includes(0)) return false;
  const text = fromUtf8(body);
  const strange = [...text].filter((letter) => letter === "\ufffd").length;
  return strange * 100 <= text.length;
}
