/** What a program and a person read to use the API: the contract, the errors, and who sells what. Free, and never a 402. */
import { readFileSync } from "node:fs";
import { Router } from "express";
import { manifest, type Provider, servicesList } from "../discovery.ts";
import { openApiDocument } from "../openapi.ts";
import type { Contract } from "../operation.ts";

const CACHED = "public, max-age=300";

/** What directories want to read here before they believe that this service is its operator's; absent until asked for. */
export type Verifications = { index402?: string | undefined; l402Directory?: string | undefined };

/** `type` of every problem points into the page of errors. The node's key is asked for at each request: LND may come later. */
export function documentsRouter(
  contracts: readonly Contract[],
  facts: { origin: string; version: string; nodePubkey(): string | undefined; verifications?: Verifications },
): Router {
  const errors = readFileSync(new URL("../../../../docs/errors.md", import.meta.url), "utf8");
  const openApi = JSON.stringify(openApiDocument(contracts, facts));
  const provider = (): Provider => ({ name: "SatRank", origin: facts.origin, nodePubkey: facts.nodePubkey() });
  const documents: [path: string, type: string, body: () => string][] = [
    ["/api/openapi.json", "application/json", () => openApi],
    ["/api/docs/errors", "text/markdown", () => errors],
    ["/.well-known/l402.json", "application/json", () => JSON.stringify(manifest(contracts, provider()))],
    ["/.well-known/l402-services", "application/json", () => JSON.stringify(servicesList(contracts, provider()))],
  ];
  const { index402, l402Directory } = facts.verifications ?? {};
  if (index402 !== undefined) documents.push(["/.well-known/402index-verify.txt", "text/plain", () => index402]);
  if (l402Directory !== undefined)
    documents.push(["/.well-known/l402-directory-verify.txt", "text/plain", () => l402Directory]);
  const router = Router();
  for (const [path, type, body] of documents) {
    router.get(path, (_request, response) => void response.set("Cache-Control", CACHED).type(type).send(body()));
  }
  return router;
}
