/**
 * A body that a request of an OpenAPI operation may have: its example, or else one made of its JSON Schema. Bounded in depth,
 * in references and in size, whatever the schema says of itself.
 */

import { utf8 } from "../bytes.ts";
import type { InputExample } from "../endpoint/listing.ts";
import { items, lower, member, members } from "./values.ts";

const MOST_BYTES = 4_096;
const MOST_DEPTH = 6;
const MOST_PROPERTIES = 30;
const MOST_REFERENCES = 8;
/** Schemas that branch and refer to each other make documents of a size that no depth bounds. */
const MOST_NODES = 200;

/** A value behind local references (`#/components/…`); undefined when they lead out, in a circle, or nowhere. */
export function resolveReference(document: unknown, value: unknown): unknown {
  let at = value;
  for (let hops = 0; hops < MOST_REFERENCES; hops++) {
    const reference = member(at, "$ref");
    if (reference === undefined) return at;
    if (typeof reference !== "string" || !reference.startsWith("#/") || reference.length > 500) return undefined;
    const steps = reference.slice(2).split("/");
    at = steps.reduce<unknown>(
      (inside, step) => member(inside, step.replaceAll("~1", "/").replaceAll("~0", "~")),
      document,
    );
  }
  return undefined;
}

/** The media type without parameters, when it is a JSON one. */
function jsonType(name: string): string | undefined {
  const type = lower(name).split(";")[0]!.trim();
  return /^application\/(?:[\w.-]+\+)?json$/.test(type) ? type : undefined;
}

/** The JSON media type among some content, and what stands under it. */
export function jsonContent(content: unknown): { contentType: string; media: unknown } | undefined {
  for (const [name, media] of members(content).slice(0, 20)) {
    const contentType = jsonType(name);
    if (contentType !== undefined) return { contentType, media };
  }
  return undefined;
}

/** The body of a call as the operation's `requestBody` shows it; undefined when it shows none, or none that is small. */
export function requestExample(document: unknown, requestBody: unknown): InputExample | undefined {
  const json = jsonContent(member(resolveReference(document, requestBody), "content"));
  if (!json) return undefined;
  const { contentType, media } = json;
  const body = JSON.stringify(example(document, media));
  return body !== undefined && utf8(body).length <= MOST_BYTES ? { contentType, body } : undefined;
}

function example(document: unknown, media: unknown): unknown {
  const given = member(media, "example");
  if (given !== undefined) return given;
  const [first] = members(member(media, "examples"));
  const named = member(resolveReference(document, first?.[1]), "value");
  return named ?? instanceOf(document, member(media, "schema"), { depth: 0, left: MOST_NODES });
}

type Bounds = { readonly depth: number; left: number };

/** A value of a schema: its example, its default, its first choice, or the least that its type asks for. */
function instanceOf(document: unknown, given: unknown, bounds: Bounds): unknown {
  const schema = resolveReference(document, given);
  if (schema === undefined || bounds.depth > MOST_DEPTH || bounds.left-- <= 0) return undefined;
  for (const name of ["example", "const", "default"]) {
    const value = member(schema, name);
    if (value !== undefined) return value;
  }
  const [choice] = [...items(member(schema, "examples")), ...items(member(schema, "enum"))];
  if (choice !== undefined) return choice;
  const [branch] = ["allOf", "oneOf", "anyOf"].flatMap((name) => items(member(schema, name)).slice(0, 1));
  if (branch !== undefined) return instanceOf(document, branch, bounds);
  return ofType(document, schema, bounds);
}

function ofType(document: unknown, schema: unknown, bounds: Bounds): unknown {
  const type = [member(schema, "type")].flat()[0];
  if (type === "string") return "example";
  if (type === "integer" || type === "number") return leastNumber(member(schema, "minimum"));
  if (type === "boolean") return true;
  if (type === "array") {
    const each = instanceOf(document, member(schema, "items"), deeper(bounds));
    return each === undefined ? [] : [each];
  }
  if (type !== "object" && member(schema, "properties") === undefined) return undefined;
  return objectOf(document, schema, bounds);
}

/** Required properties, and of the others none: less to be wrong about. */
function objectOf(document: unknown, schema: unknown, bounds: Bounds): unknown {
  const required = new Set(items(member(schema, "required")));
  const wanted = members(member(schema, "properties")).filter(([name]) => required.has(name));
  const pairs = wanted
    .slice(0, MOST_PROPERTIES)
    .map(([name, property]) => [name, instanceOf(document, property, deeper(bounds))] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

/** One level down, out of the same number of nodes. */
function deeper(bounds: Bounds): Bounds {
  return {
    depth: bounds.depth + 1,
    get left() {
      return bounds.left;
    },
    set left(left) {
      bounds.left = left;
    },
  };
}

function leastNumber(minimum: unknown): number {
  return typeof minimum === "number" && Number.isFinite(minimum) ? Math.ceil(minimum) : 1;
}
