import { expect, test } from "vitest";
import { plotReliability } from "./plot.ts";

test("a perfect predictor's points lie on the diagonal, names are escaped, and the text is one SVG element", () => {
  const probability = Float64Array.from({ length: 40 }, (_, i) => (i < 20 ? 0.25 : 0.75));
  const happened = Uint8Array.from({ length: 40 }, (_, i) => (i < 20 ? (i % 4 === 0 ? 1 : 0) : i % 4 === 0 ? 0 : 1));
  const svg = plotReliability("A < B & C", [{ name: "ours", probability, happened }]);
  // The square runs from (48, 48) to (368, 368), probabilities upwards.
  expect(svg).toContain('<polyline points="128,288 288,128"');
  expect(svg).toContain("<title>A &lt; B &amp; C</title>");
  expect(svg.match(/<svg/g)).toHaveLength(1);
  expect(svg.trimEnd().endsWith("</svg>")).toBe(true);
  expect(svg.match(/<circle cx/g)).toHaveLength(3);
});
