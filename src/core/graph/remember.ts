/** Memories that forget what was used longest ago. */

export type Memory<Value> = ReturnType<typeof remember<Value>>;

/** A memory of the `size` values used last, by name. */
export function remember<Value>(size: number) {
  const kept = new Map<string, Value>();
  return {
    all: () => kept.values(),
    forget: () => kept.clear(),
    get(name: string, make: () => Value): Value {
      const value = kept.get(name) ?? make();
      // A Map lists names in the order they were set: the first is the one used longest ago.
      kept.delete(name);
      kept.set(name, value);
      if (kept.size > size) kept.delete(kept.keys().next().value!);
      return value;
    },
  };
}
