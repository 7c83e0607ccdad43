import type { Env } from "#base/env/env.ts";
import { idListText, parseIdList } from "./id-list.ts";
import { readText } from "./read-text.ts";

const NODES = "/sys/devices/system/node";

/** `numa.node.count`, `numa.node0.cores`: which cores share memory that is near to them. */
export async function numaAttributes(env: Env): Promise<Record<string, string>> {
  const names = (await env.disk.list(NODES).catch(() => [])).filter((name) => /^node\d+$/.test(name));
  const cores = await Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      const list = (await readText(env, `${NODES}/${name}/cpulist`)) ?? "";
      return [`numa.${name}.cores`, idListText(parseIdList(list))];
    }),
  );
  return names.length === 0 ? {} : { "numa.node.count": String(names.length), ...Object.fromEntries(cores) };
}
