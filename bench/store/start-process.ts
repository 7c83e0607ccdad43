/** Opens the store in the folder given, follows it in a view, prints how many milliseconds that took and how many rows there are. */
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import { followView } from "#base/state/view.ts";
import { items } from "./records.ts";

const began = performance.now();
const store = await openSqliteStore({ folder: process.argv[2] ?? "", early: true });
const view = await followView(store, [items]);
console.log(`${performance.now() - began} ${view.table(items).size}`);
view.close();
await store.close();
