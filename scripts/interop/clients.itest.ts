/** The L402 clients of npm with large dependency trees, through the whole matrix; `make interop` runs this. */
import { testClients } from "../../src/testing/interop/matrix.ts";
import { HEAVY } from "./clients.ts";

testClients(HEAVY);
