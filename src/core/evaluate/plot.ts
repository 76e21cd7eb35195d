/** Reliability diagrams as plain SVG, readable on light and dark backgrounds alike. */
import { type Outcomes, reliability } from "./metrics.ts";

/** One curve: how often what a predictor gave a probability to then happened. */
export type Curve = Outcomes & { readonly name: string };

const SIZE = 320;
const MARGIN = 48;
const LEGEND_LINE = 18;
/** Chosen for contrast on white, black, and for readers who tell red from green badly (Okabe and Ito). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const GREY = "#808080";

/** The diagram of up to four curves. Circles grow with the number of predictions in their bin. */
export function plotReliability(title: string, curves: readonly Curve[]): string {
  const height = SIZE + 2 * MARGIN + LEGEND_LINE * curves.length;
  const width = SIZE + 2 * MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12" fill="${GREY}">`,
    `<title>${escapeText(title)}</title>`,
    `<text x="${MARGIN}" y="24" font-size="14">${escapeText(title)}</text>`,
    ...axes(),
    ...curves.flatMap((curve, i) => drawCurve(curve, COLOURS[i % COLOURS.length]!)),
    ...curves.map((curve, i) => legend(curve.name, i)),
    "</svg>",
    "",
  ].join("\n");
}

function axes(): string[] {
  const lines = [`<rect x="${x(0)}" y="${y(1)}" width="${SIZE}" height="${SIZE}" fill="none" stroke="${GREY}"/>`];
  lines.push(`<line x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" stroke="${GREY}" stroke-dasharray="4 4"/>`);
  for (const ratio of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    lines.push(`<text x="${x(ratio)}" y="${y(0) + 16}" text-anchor="middle">${ratio}</text>`);
    lines.push(`<text x="${x(0) - 6}" y="${y(ratio) + 4}" text-anchor="end">${ratio}</text>`);
  }
  lines.push(`<text x="${x(0.5)}" y="${y(0) + 34}" text-anchor="middle">predicted</text>`);
  lines.push(`<text transform="translate(14 ${y(0.5)}) rotate(-90)" text-anchor="middle">arrived</text>`);
  return lines;
}

function drawCurve(curve: Curve, colour: string): string[] {
  const bins = reliability(curve).filter(({ count }) => count > 0);
  const points = bins.map(({ mean, happened }) => `${x(mean)},${y(happened)}`).join(" ");
  const circles = bins.map(({ mean, happened, count }) => {
    const radius = round(2 + 10 * Math.sqrt(count / curve.happened.length));
    return `<circle cx="${x(mean)}" cy="${y(happened)}" r="${radius}" fill="${colour}" fill-opacity="0.6"/>`;
  });
  return [`<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>`, ...circles];
}

function legend(name: string, index: number): string {
  const at = SIZE + 2 * MARGIN + LEGEND_LINE * index;
  const colour = COLOURS[index % COLOURS.length]!;
  return `<circle cx="${MARGIN + 6}" cy="${at - 4}" r="5" fill="${colour}"/><text x="${MARGIN + 18}" y="${at}">${escapeText(name)}</text>`;
}

function x(ratio: number): number {
  return round(MARGIN + SIZE * ratio);
}

function y(ratio: number): number {
  return round(MARGIN + SIZE * (1 - ratio));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
