/** How a node's channels came and went while we watched, by day (UTC). */
import type { UnixSeconds } from "../units.ts";

export const DAY_SEC = 86_400;
/** Days with a change that a profile tells of: the newest. */
export const MOST_DAYS = 90;

/** What changed on one day; days are numbered from 1970 on. */
export type DayOfChanges = { readonly day: number; readonly opened: number; readonly closed: number };

/** Our own history of a node's channels. The first day is that of the first reading, on which everything counts as opened. */
export type NodeHistory = {
  /** When we began to watch the network; undefined before the first reading. */
  readonly watchedSince: UnixSeconds | undefined;
  /** Days with a change, in order. */
  readonly days: readonly DayOfChanges[];
};

/** One day as it is told: what changed, and how many channels there were at its end. */
export type HistoryDay = {
  readonly startsAt: UnixSeconds;
  readonly opened: number;
  readonly closed: number;
  readonly channels: number;
};

/** The newest days with a change, with the number of channels after each. */
export function tellHistory({ days }: NodeHistory): HistoryDay[] {
  let channels = 0;
  const told = days.map(({ day, opened, closed }) => {
    channels += opened - closed;
    return { startsAt: (day * DAY_SEC) as UnixSeconds, opened, closed, channels };
  });
  return told.slice(-MOST_DAYS);
}

/** How many channels there were at an instant. */
export function channelsAt({ days }: NodeHistory, at: UnixSeconds): number {
  const until = Math.floor(at / DAY_SEC);
  return days.reduce((sum, { day, opened, closed }) => (day <= until ? sum + opened - closed : sum), 0);
}

/** Channels that were closed, and the days that channels were watched for, up to an instant. */
export function exposureOf({ days }: NodeHistory, now: UnixSeconds): { closed: number; channelDays: number } {
  const today = Math.floor(now / DAY_SEC);
  let [closed, channelDays] = [0, 0];
  for (const each of days) {
    closed += each.closed;
    channelDays += (each.opened - each.closed) * Math.max(0, today - each.day);
  }
  return { closed, channelDays: Math.max(0, channelDays) };
}
