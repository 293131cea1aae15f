/** A memory that is bounded: of what was put into it, or asked for, it keeps the latest. */

export type Shelf<Value> = {
  get(id: string): Value | undefined;
  /** @param size How much of the room the value takes; 1 where values are counted. */
  put(id: string, value: Value, size?: number): void;
};

export function createShelf<Value>(room: number): Shelf<Value> {
  // In the order in which they were last touched.
  const shelf = new Map<string, { readonly value: Value; readonly size: number }>();
  let used = 0;

  function take(id: string) {
    const found = shelf.get(id);
    shelf.delete(id);
    used -= found?.size ?? 0;
    return found;
  }

  function put(id: string, value: Value, size = 1): void {
    take(id);
    shelf.set(id, { value, size });
    used += size;
    for (const oldest of shelf.keys()) {
      if (used <= room) break;
      take(oldest);
    }
  }

  return {
    put,
    get(id) {
      const found = take(id);
      if (found !== undefined) put(id, found.value, found.size);
      return found?.value;
    },
  };
}
