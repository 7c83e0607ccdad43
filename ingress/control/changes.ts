import type { MapEntries } from "../config/model.ts";
import { slotCommands } from "../config/slots.ts";
import type { Slots } from "./render.ts";

/**
 * What to tell HAProxy so that its servers are as `next` has them; backends and slots it does not run are left out. Those
 * that come are told before those that go, so that there is always one.
 */
export function serverCommands(before: Slots, next: Slots): readonly string[] {
  const coming: string[] = [];
  const going: string[] = [];
  for (const [backend, slots] of before) {
    const wanted = next.get(backend);
    if (wanted === undefined || wanted === slots) continue;
    for (const [at, slot] of slots.entries()) {
      const want = wanted[at];
      if (want === undefined) continue;
      const isGoing = slot.server !== undefined && slot.server.key !== want.server?.key;
      (isGoing ? going : coming).push(...slotCommands(backend, slot, want));
    }
  }
  return [...coming, ...going];
}

type Maps = ReadonlyMap<string, MapEntries>;

/** Maps whose entries have an order that commands cannot keep. */
const ORDERED = "maps/below.map";

/** What to tell HAProxy so that its maps are as `next` has them; undefined: only a reload can do it. */
export function mapCommands(before: Maps, next: Maps): readonly string[] | undefined {
  const commands: string[] = [];
  for (const [file, wanted] of next) {
    const had = before.get(file);
    if (had === undefined) return undefined;
    if (had === wanted) continue;
    for (const [key, value] of wanted) {
      const old = had.get(key);
      if (old === value) continue;
      if (file === ORDERED) return undefined;
      commands.push(old === undefined ? `add map ${file} ${key} ${value}` : `set map ${file} ${key} ${value}`);
    }
    for (const key of had.keys()) if (!wanted.has(key)) commands.push(`del map ${file} ${key}`);
  }
  return commands;
}
