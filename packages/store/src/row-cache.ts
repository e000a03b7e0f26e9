/** The rows used last, by number. Bounded: what was not used while half as many others were is let go. */

export class RowCache<T> {
  readonly #halfMax: number;
  #recent = new Map<number, T>();
  #older = new Map<number, T>();

  /** @param rowsMax rows kept at most */
  constructor(rowsMax: number) {
    this.#halfMax = rowsMax / 2;
  }

  get(key: number): T | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  /** What is there, without it counting as used. */
  peek(key: number): T | undefined {
    return this.#recent.get(key) ?? this.#older.get(key);
  }

  set(key: number, row: T): void {
    this.#recent.set(key, row);
    if (this.#recent.size < this.#halfMax) return;
    this.#older = this.#recent;
    this.#recent = new Map();
  }

  delete(key: number): void {
    this.#recent.delete(key);
    this.#older.delete(key);
  }

  clear(): void {
    this.#recent.clear();
    this.#older.clear();
  }
}
