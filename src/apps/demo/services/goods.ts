/** What the demo's shops sell: some of it good, some of it not what it is said to be, as on any market. */
import type { RequestHandler } from "express";

/** `announcedSat` is what the directory says; `priceSat` what the invoice asks. */
export type Goods = {
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly announcedSat: number;
  readonly priceSat: number;
  /** Who is paid; "nobody" is a node that no channel leads to. */
  readonly payee: "shop" | "bazaar" | "nobody";
  /** The body of a well-formed call. */
  readonly input?: string;
  readonly answer: RequestHandler;
};

const forecast = { place: "Lisbon", temperatureC: 21.4, sky: "clear" };
const weather = { category: "weather", method: "GET", announcedSat: 2, priceSat: 2 } as const;

/** Every other call fails after it was paid for. */
function failsEveryOther(): RequestHandler {
  let calls = 0;
  return (_request, response) => {
    calls += 1;
    if (calls % 2 === 0) response.json(forecast);
    else response.status(500).json({ error: "the sensor does not answer" });
  };
}

const translate: RequestHandler = (request, response) => {
  const { text } = (request.body ?? {}) as { text?: unknown };
  if (typeof text === "string") response.json({ translation: [...text].reverse().join("") });
  else response.status(400).json({ error: "a text is needed" });
};

export const GOODS: readonly Goods[] = [
  {
    ...weather,
    name: "Honest weather",
    description: "The weather of a place, measured",
    path: "/v1/weather",
    payee: "shop",
    answer: (_request, response) => void response.json(forecast),
  },
  {
    ...weather,
    name: "Slow weather",
    description: "The weather of a place, after a while",
    path: "/v1/weather",
    payee: "bazaar",
    answer: (_request, response) => void setTimeout(() => response.json(forecast), 1_200),
  },
  {
    ...weather,
    announcedSat: 1,
    priceSat: 1,
    name: "Cheap weather",
    description: "The weather of a place, if the sensor answers",
    path: "/v1/weather",
    payee: "bazaar",
    answer: failsEveryOther(),
  },
  {
    ...weather,
    announcedSat: 1,
    priceSat: 40,
    name: "Bait weather",
    description: "The weather of a place, at another price than the one on the sign",
    path: "/v1/weather",
    payee: "shop",
    answer: (_request, response) => void response.json(forecast),
  },
  {
    ...weather,
    announcedSat: 1,
    priceSat: 1,
    name: "Hollow weather",
    description: "The weather of a place, but there is none",
    path: "/v1/weather",
    payee: "shop",
    answer: (_request, response) => void response.json({ error: "upstream is down" }),
  },
  {
    ...weather,
    announcedSat: 1,
    priceSat: 1,
    name: "Island weather",
    description: "The weather of a place that no payment reaches",
    path: "/v1/weather",
    payee: "nobody",
    answer: (_request, response) => void response.json(forecast),
  },
  {
    name: "Translator",
    description: "A text in another language",
    category: "ai/translation",
    method: "POST",
    path: "/v1/translate",
    announcedSat: 10,
    priceSat: 10,
    payee: "bazaar",
    input: '{"text":"good morning"}',
    answer: translate,
  },
];
