/** The catalogue's own names of categories. Sources spell the same thing differently; a caller asks for it once. */

/** What several sources call by another name. `earn/x`, for every x, is `earn`. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["ai/ml", "ai"],
  ["ai/llm", "ai"],
  ["ai/agents", "ai"],
  ["ai/embeddings", "ai"],
  ["data/oracle", "data"],
  ["real-time-data", "data"],
  ["crypto/prices", "data"],
  ["tools/directory", "tools"],
  ["lightning", "bitcoin"],
]);

/** The form of a category: a letter, then letters, digits and `/ _ -`, 2 to 32 characters. */
const CATEGORY = /^[a-z][a-z0-9/_-]{1,31}$/;

/** The catalogue's name for what a source calls a category; undefined for what cannot be one. */
export function readCategory(text: string): string | undefined {
  const plain = text
    .trim()
    .toLowerCase()
    .replace(/\s*&\s*|\s+/g, "-");
  if (!CATEGORY.test(plain)) return undefined;
  return ALIASES.get(plain) ?? (plain.startsWith("earn/") ? "earn" : plain);
}
