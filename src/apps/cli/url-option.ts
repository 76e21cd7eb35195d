/** Options that name a server: a wrong address is wrong usage, told before anything is sent. */
import { InvalidArgumentError } from "commander";
import { parseUrl } from "../../core/url.ts";

/** Reads a URL of one of these schemes, without the slashes at its end. @throws InvalidArgumentError for anything else */
export function urlOf(...schemes: [string, ...string[]]): (text: string) => string {
  const expected = `a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")} is needed`;
  return (text) => {
    const url = parseUrl(text);
    const isKnown = schemes.some((scheme) => url?.protocol === `${scheme}:`);
    if (!isKnown || !url || url.hash !== "") throw new InvalidArgumentError(expected);
    return text.trim().replace(/\/+$/, "");
  };
}
