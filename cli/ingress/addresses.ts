import * as v from "valibot";
import { VIP_STATUS_PREFIX, VipStatusSchema } from "#ingress/vip/status.ts";
import { foundOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

/** Each virtual address, who holds it and who could. Exit code 1: one has no holder, or several. */
export const addresses = withConsul(async ({ consul, output, flags, datacenter }) => {
  const pairs = foundOf(await consul.kv.list(VIP_STATUS_PREFIX, { datacenter })) ?? [];
  const nodes = pairs.flatMap(({ Value }) => {
    const text = Buffer.from(Value, "base64").toString("utf8");
    const read = v.safeParse(v.pipe(v.string(), v.parseJson(), VipStatusSchema), text);
    return read.success ? [read.output] : [];
  });
  const names = [...new Set(nodes.flatMap((node) => node.addresses.map(({ address }) => address)))].toSorted();
  const found = names.map((address) => {
    const having = nodes.filter((node) => node.addresses.some((one) => one.address === address));
    const holders = having.filter((node) => node.addresses.some((one) => one.address === address && one.isHeld));
    return {
      address,
      mode: having[0]?.mode ?? "",
      holders: holders.map(({ node }) => node),
      able: having.filter(({ isHealthy }) => isHealthy).map(({ node }) => node),
      unable: having.filter(({ isHealthy }) => !isHealthy).map(({ node }) => node),
    };
  });
  const isWell = found.length > 0 && found.every(({ holders }) => holders.length === 1);
  if (await printed({ flags, output }, found)) return isWell ? 0 : 1;
  if (found.length === 0) output.line("There are no virtual addresses (-var addresses=… of the pack ingress)");
  const rows = found.map(({ address, mode, holders, able, unable }) => [
    address,
    holders.join(",") || "nobody",
    able.join(",") || "-",
    unable.join(",") || "-",
    mode,
  ]);
  if (rows.length > 0)
    for (const line of columns(["Address", "Held by", "HAProxy well", "not well", "Mode"], rows)) output.line(line);
  return isWell ? 0 : 1;
});
