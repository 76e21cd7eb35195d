/** The one clock of the program; everything below takes `now` as an argument. */
import { type UnixSeconds, unixSeconds } from "../core/units.ts";

export function now(): UnixSeconds {
  return unixSeconds(Math.floor(Date.now() / 1000));
}
