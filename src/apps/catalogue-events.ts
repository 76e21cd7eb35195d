/** What becomes of lists of paid endpoints, as log lines and metrics. A part of `events.ts`. */
import { Counter, type Registry } from "prom-client";
import type { FeedForm } from "../core/feed/forms.ts";
import type { Counts } from "../core/feed/funnel.ts";
import type { Logger } from "./log.ts";

/** What the import of the catalogue reports. */
export type CatalogueEvents = {
  /** One page: what its items were, and what they did to the catalogue. */
  catalogueImported(form: FeedForm, items: Counts, listings: Readonly<Record<string, number>>): void;
  /** A document was read to its end, or could not be. */
  catalogueRead(form: FeedForm, url: string, end: string): void;
};

/** Labels are of closed sets: a form, an outcome. */
export function catalogueEvents(registry: Registry, log: Logger): CatalogueEvents {
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `satrank_${name}`, help, labelNames, registers: [registry] });
  const items = counter("catalogue_items_total", "Items of lists of endpoints, by what they are", ["form", "outcome"]);
  const listings = counter("catalogue_listings_total", "What listings did to the catalogue", ["form", "effect"]);
  const readings = counter("catalogue_readings_total", "Readings of documents by how they ended", ["form", "end"]);
  return {
    catalogueImported(form, counts, saved) {
      for (const [outcome, count] of Object.entries(counts)) if (count > 0) items.inc({ form, outcome }, count);
      for (const [effect, count] of Object.entries(saved)) if (count > 0) listings.inc({ form, effect }, count);
    },
    catalogueRead(form, url, end) {
      readings.inc({ form, end });
      log.info({ form, url, end }, "a list of endpoints was read");
    },
  };
}
