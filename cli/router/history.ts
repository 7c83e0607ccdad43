import { CodedError } from "#base/env/errors.ts";
import { HISTORY, HistorySchema, historyKey, pairJson } from "#daemons/router/share/keys.ts";
import { foundOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";
import type { RouterCluster } from "./cluster.ts";

/** `[VERSION]`: configurations that were in force, the newest first; with a version, its text. */
export const history = withConsul(async ({ consul, output, flags, operands }) => {
  const [version, ...more] = operands;
  if (more.length > 0) throw new UsageError("name one version");
  if (version !== undefined) {
    output.write(await formerConfig({ consul }, version));
    return 0;
  }
  const pairs = foundOf(await consul.kv.list(HISTORY)) ?? [];
  const rows = pairs
    .flatMap((pair) => {
      const entry = pairJson(pair, HistorySchema);
      if (entry === undefined) return [];
      const saved = new Date(entry.savedMs).toISOString();
      return [
        { version: String(Number(pair.Key.slice(HISTORY.length))), saved, by: entry.by, bytes: entry.text.length },
      ];
    })
    .toReversed();
  if (await printed({ flags, output }, rows)) return 0;
  const shown = rows.map((row) => [row.version, row.saved, row.by || "-", String(row.bytes)]);
  for (const line of columns(["Version", "In force since", "By", "Bytes"], shown)) output.line(line);
  return 0;
});

export async function formerConfig({ consul }: Pick<RouterCluster, "consul">, version: string): Promise<string> {
  const index = Number(version);
  const pairs = Number.isSafeInteger(index) ? foundOf(await consul.kv.get(historyKey(index))) : undefined;
  const entry = pairJson(pairs?.[0], HistorySchema);
  if (entry === undefined)
    throw new CodedError(
      "router_version",
      `the cluster keeps no version ${JSON.stringify(version)} of the router's configuration`,
      "see: lares router history",
    );
  return entry.text;
}
