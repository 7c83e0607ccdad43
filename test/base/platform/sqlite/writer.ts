/**
 * A process to kill: writes pairs of keys, several transactions at a time, and prints the number of each pair once it is
 * acknowledged. Arguments: folder, first number.
 */
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";

const [folder = "", first = "1"] = process.argv.slice(2);
const store = await openSqliteStore({ folder });
process.stdout.write("open\n");
let next = Number(first);
const write = async (): Promise<void> => {
  for (;;) {
    const n = next++;
    const value = `${n} ${"x".repeat((n * 997) % 5000)}`;
    await store.txn({ then: ["a", "b"].map((key) => ({ op: "put" as const, key: `${key}/${n}`, value })) });
    process.stdout.write(`${n}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, write));
