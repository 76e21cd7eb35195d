/**
 * How a probe looks from outside: like some client that pays for APIs, another one each time. An endpoint that could tell the
 * prober from its customers could serve the prober alone.
 */

/** Header lines of one client, in the order it sends them. */
export type Identity = readonly (readonly [string, string])[];

/** What widespread HTTP clients send when nobody sets anything. */
const CLIENTS: readonly Identity[] = [
  [
    ["accept", "*/*"],
    ["accept-language", "*"],
    ["sec-fetch-mode", "cors"],
    ["user-agent", "node"],
    ["accept-encoding", "gzip, deflate"],
  ],
  [
    ["user-agent", "python-requests/2.32.3"],
    ["accept-encoding", "gzip, deflate"],
    ["accept", "*/*"],
  ],
  [
    ["user-agent", "python-httpx/0.28.1"],
    ["accept", "*/*"],
    ["accept-encoding", "gzip, deflate"],
  ],
  [
    ["accept", "application/json, text/plain, */*"],
    ["user-agent", "axios/1.7.9"],
    ["accept-encoding", "gzip, deflate, br"],
  ],
  [
    ["user-agent", "curl/8.5.0"],
    ["accept", "*/*"],
  ],
  [
    ["user-agent", "Go-http-client/1.1"],
    ["accept-encoding", "gzip"],
  ],
  [
    ["accept", "*/*"],
    ["user-agent", "undici"],
    ["accept-encoding", "gzip, deflate"],
  ],
  [
    ["user-agent", "okhttp/4.12.0"],
    ["accept-encoding", "gzip"],
  ],
];

/** `random` is uniform in [0, 1). */
export function drawIdentity(random: () => number): Identity {
  return CLIENTS[Math.floor(random() * CLIENTS.length)] as Identity;
}
