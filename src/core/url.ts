/**
 * Reads a URL (WHATWG), or nothing where there is none. Not by `URL.canParse`: once it is hot, Node 20 answers from a fast
 * path that takes Latin-1 letters for broken UTF-8, so that `http://münchen.example/` is a URL at first and none later.
 */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
