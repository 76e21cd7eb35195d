/** Bytes that arrive in pieces, kept in one piece of memory: a million pieces of one byte cost no more than the million bytes. */
export class ByteSink {
  #bytes = new Uint8Array(4_096);
  #length = 0;
  readonly #max: number;

  /** @param max the most that is kept */
  constructor(max: number) {
    this.#max = max;
  }

  /** Copies a piece. Returns false, and keeps nothing of it, when that would be more than the maximum. */
  add(piece: Uint8Array): boolean {
    const length = this.#length + piece.length;
    if (length > this.#max) return false;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#max, Math.max(length, 2 * this.#bytes.length)));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
    return true;
  }

  /** What was kept. The sink must not be used afterwards. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
