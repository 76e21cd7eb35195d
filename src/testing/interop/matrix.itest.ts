/** The L402 clients that people have, against us: those of npm as they are, the others as models of their sources. */
import { ALBY } from "./alby.ts";
import { testClients } from "./matrix.ts";
import { MODELS } from "./models.ts";

testClients([...ALBY, ...MODELS]);
