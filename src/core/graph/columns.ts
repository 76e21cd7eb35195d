/** Tables of typed arrays that grow and shrink in place: what a graph that changes a little at a time is kept in. */

type Numbers = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** One array per name. */
export type Arrays = Readonly<Record<string, Numbers>>;

/** Entries that are inserted and removed at any position; those behind it move, which costs a copy of their bytes. */
export type Columns<Named extends Arrays> = {
  /** The arrays with room behind their last entry. Replaced when they grow: read them anew after an insertion. */
  readonly all: Named;
  readonly count: number;
  /** Makes room for one entry, all zeros. */
  insert(at: number): void;
  remove(at: number): void;
  /** The arrays cut to the entries they hold; valid until the next insertion or removal. */
  view(): Named;
};

/** Copies `arrays` into columns with room to spare. `widths` says how many numbers an entry has, where that is not one. */
export function openColumns<Named extends Arrays>(
  arrays: Named,
  count: number,
  widths: Partial<Record<keyof Named, number>> = {},
): Columns<Named> {
  const names = Object.keys(arrays) as (keyof Named)[];
  const widthOf = (name: keyof Named) => widths[name] ?? 1;
  const resize = (from: Named, capacity: number): Named => {
    const larger: Partial<Record<keyof Named, Numbers>> = {};
    for (const name of names) {
      const source = from[name]!;
      const roomy = new (source.constructor as new (length: number) => Numbers)(capacity * widthOf(name));
      roomy.set(source.subarray(0, filled * widthOf(name)));
      larger[name] = roomy;
    }
    return larger as Named;
  };
  let filled = count;
  let capacity = roomFor(count);
  let all = resize(arrays, capacity);

  return {
    get all() {
      return all;
    },
    get count() {
      return filled;
    },
    insert(at) {
      if (filled === capacity) {
        capacity = roomFor(filled);
        all = resize(all, capacity);
      }
      for (const name of names) {
        const width = widthOf(name);
        all[name]!.copyWithin((at + 1) * width, at * width, filled * width).fill(0, at * width, (at + 1) * width);
      }
      filled++;
    },
    remove(at) {
      for (const name of names) {
        const width = widthOf(name);
        all[name]!.copyWithin(at * width, (at + 1) * width, filled * width);
      }
      filled--;
    },
    view() {
      return Object.fromEntries(names.map((name) => [name, all[name]!.subarray(0, filled * widthOf(name))])) as Named;
    },
  };
}

function roomFor(count: number): number {
  return count + (count >>> 4) + 64;
}
