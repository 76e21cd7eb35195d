/**
 * What is left of an effect that may well be none, given its variance: nothing of one within 1.4 standard deviations of 0, nearly
 * all of one that stands far out. The shrinkage of James and Stein with the price per parameter of Akaike.
 */
export function standOut(value: number, variance: number): number {
  return value === 0 ? 0 : value * Math.max(0, 1 - (2 * variance) / value ** 2);
}
