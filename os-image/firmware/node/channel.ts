import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";

/**
 * A channel is a file beside the updates that names the newest of each kind of machine, so that its URL stays the same:
 * `{ "schema": 1, "updates": { "lares-amd64": { "version": "1.2.3", "bundle": "lares-amd64-1.2.3.raucb" } } }`.
 */
export const ChannelSchema = v.object({
  schema: v.literal(1),
  updates: v.record(v.string(), v.object({ version: v.string(), bundle: v.pipe(v.string(), v.minLength(1)) })),
});
export type Channel = v.InferOutput<typeof ChannelSchema>;

/** What a channel has for a kind of machine; the name of the bundle is relative to the channel's URL. */
export function readChannel(text: string, kind: string): Result<Channel["updates"][string]> {
  const hint = "a channel is the file NAME.json that `lares os build` writes beside the updates";
  let parsed;
  try {
    parsed = v.safeParse(ChannelSchema, JSON.parse(text));
  } catch {
    return fail("os_channel", "this is no JSON", hint);
  }
  if (!parsed.success) return fail("os_channel", `this is no channel: ${parsed.issues[0].message}`, hint);
  const found = Object.hasOwn(parsed.output.updates, kind) ? parsed.output.updates[kind] : undefined;
  if (found !== undefined) return succeed(found);
  const known = Object.keys(parsed.output.updates).join(", ");
  return fail("os_channel", `the channel has nothing for ${kind}, but for ${known === "" ? "nothing" : known}`, hint);
}

/** The channel with an update added, or put in the place of an older one; text that is no channel is begun anew. */
export function addToChannel(text: string | undefined, kind: string, update: Channel["updates"][string]): string {
  let before: Channel["updates"] = {};
  try {
    const parsed = v.safeParse(ChannelSchema, JSON.parse(text ?? ""));
    if (parsed.success) before = parsed.output.updates;
  } catch {}
  const entries = Object.entries({ ...before, [kind]: update });
  const updates = Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ schema: 1, updates }, undefined, 2)}\n`;
}
