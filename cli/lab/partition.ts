import { CodedError } from "#base/env/errors.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import type { Lab, LabNode } from "./lab-file.ts";
import { ip } from "./network.ts";

/** Which frames the switch drops: those on their way to the node, those from it, or both. */
export type Direction = "in" | "out" | "both";

export interface Cut {
  readonly lab: Lab;
  readonly node: LabNode;
  /** Only between the node and these; undefined: between it and everybody, this machine among them. */
  readonly from: readonly LabNode[] | undefined;
  readonly direction: Direction;
}

/** Drops at the switch, so that neither end learns anything but silence. Adds to what is cut already. */
export async function cut({ exec }: SystemEnv, { lab: { bridge }, node, from, direction }: Cut): Promise<void> {
  if (from === undefined && direction === "both") {
    await ip(exec, "-n", bridge, "link", "set", node.link, "down");
    return;
  }
  const own = JSON.stringify(node.link);
  const others = from === undefined ? [""] : from.map(({ link }) => JSON.stringify(link));
  const rules = others.flatMap((other) => [
    ...(direction === "out" ? [] : [`${other === "" ? "" : `iifname ${other} `}oifname ${own} drop`]),
    ...(direction === "in" ? [] : [`iifname ${own} ${other === "" ? "" : `oifname ${other} `}drop`]),
  ]);
  const table = tableOf(node);
  const made = [
    `add table bridge ${table}`,
    `add chain bridge ${table} cut { type filter hook forward priority 0; }`,
    ...rules.map((rule) => `add rule bridge ${table} cut ${rule}`),
  ];
  const ran = await exec.run(["ip", "netns", "exec", bridge, "nft", made.join("; ")]);
  if (ran.code !== 0)
    throw new CodedError("lab", `the switch took no rules: ${ran.stderr.trim()}`, "it takes the package nftables");
}

/** Never fails. */
export async function mend({ exec }: SystemEnv, { bridge }: Lab, node: LabNode): Promise<void> {
  await exec.run(["ip", "netns", "exec", bridge, "nft", `delete table bridge ${tableOf(node)}`]);
  await ip(exec, "-n", bridge, "link", "set", node.link, "up").catch(() => {});
}

function tableOf({ link }: LabNode): string {
  return `cut_${link}`;
}
