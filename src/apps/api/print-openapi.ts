/** Prints the OpenAPI document without starting anything: `node dist/apps/api/print-openapi.js`. */
import { VERSION } from "../version.ts";
import { apiContracts } from "./contracts.ts";
import { openApiDocument } from "./openapi.ts";

const document = openApiDocument(apiContracts(), { origin: "https://oracle.example", version: VERSION });
process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
