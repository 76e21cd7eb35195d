/** What one client, and all together, may take of the relay. What an operator may change is in the settings. */

/** A REQ may name the addresses of a thousand subjects; nothing else that is read here is long. */
export const MAX_MESSAGE_BYTES = 131_072;
export const MAX_SUBSCRIPTIONS = 20;
/** Filter values that one connection may keep in all of its subscriptions, and all connections together. */
export const MAX_VALUES_PER_CONNECTION = 5_000;
export const MAX_VALUES = 400_000;
/**
 * Stored events of one answer. The whole set goes out at once, with back-pressure: a score that is computed at one moment gives thousands of
 * events one `created_at`, and `until` cannot page within a second.
 */
export const LIMITS = { default: 500, max: 50_000 };

/** Messages of one connection, REQ and COUNT among them; and the latter alone. */
export const MESSAGES = { perSec: 100, burst: 1_000 };
export const REQUESTS = { perSec: 20, burst: 100 };

/** Stored events that are read at a time: they are in memory until the client has taken them. */
export const PAGE_EVENTS = 500;
/** Unsent bytes of a connection above which nothing more is read, neither from Postgres nor from the client. */
export const FULL_BYTES = 524_288;
/** New events that wait for a connection that is full, by reference; and for all together. */
export const MAX_WAITING_EVENTS = 20_000;
export const MAX_WAITING_EVENTS_IN_ALL = 400_000;
/** A client that takes nothing of what it asked for is let go after so long. */
export const SLOW_READER_MS = 30_000;
export const PING_MS = 55_000;
export const SWEEP_MS = 5_000;

/** Statements at once: for answers that are looked up, and for those that are searched. And how many may wait for each. */
export const LOOK_UPS_AT_ONCE = 2;
export const SCANS_AT_ONCE = 3;
export const MAX_WAITING_REQUESTS = 4_000;
export const MAX_WAITING_SCANS = 500;
/** Connections to Postgres: one for each of these, and one for the news. */
export const DATABASE_CONNECTIONS = LOOK_UPS_AT_ONCE + SCANS_AT_ONCE + 1;
export const STATEMENT_TIMEOUT_MS = 3_000;
/**
 * What one request may look up; and how much of it requests share in a statement, so that the first are answered while the next are
 * looked up. And what a statement may find.
 */
export const MAX_POINTS = 2_000;
export const SHARED_POINTS = 200;
export const MAX_FOUND = 5_000;
/** How often the outbox is asked for news; how much at a time. */
export const POLL_MS = 100;
export const NEWS_EVENTS = 1_000;
