/** Neighbours that belong together, as lists of their own. */

export type Run<Item> = readonly [Item, ...Item[]];

/** The items in their order; each joins those before it when it belongs to the first of them. */
export function runsOf<Item>(
  items: readonly Item[],
  belongs: (item: Item, first: Item) => boolean,
): readonly Run<Item>[] {
  const runs: [Item, ...Item[]][] = [];
  for (const item of items) {
    const run = runs.at(-1);
    if (run !== undefined && belongs(item, run[0])) run.push(item);
    else runs.push([item]);
  }
  return runs;
}
