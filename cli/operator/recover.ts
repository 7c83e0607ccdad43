import { createInterface } from "node:readline/promises";
import { createEnv } from "#base/platform/create-env.ts";
import { loadConfig } from "../agent/load-config.ts";
import { followServer } from "../agent/cluster/follow-server.ts";
import { Recovery, type RecoveryFacts } from "../agent/cluster/recovery.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";

const DEFAULT_DATA_DIR = "/var/lib/lares";

/** On a server whose agent is stopped: goes on with what it knows, without the servers that are lost. */
export const recover: RunCommand = async ({ flags, output, operands }) => {
  if (operands.length > 0) throw new UsageError("it takes no operands");
  if (flags.values("config").length === 0) throw new UsageError("say whose state: -config FILE_OR_FOLDER");
  const config = loadConfig(flags, { dataDir: DEFAULT_DATA_DIR });
  const env = createEnv({ logLevel: "warn" });
  try {
    const follow = flags.value("follow");
    if (follow !== undefined) {
      if (!/^[^\s/]+:\d+$/.test(follow)) throw new UsageError(`-follow takes ADDRESS:PORT, not "${follow}"`);
      const kept = await followServer(env, config, follow);
      output.line(`When its agent starts, this server takes its part of the state from ${follow}.`);
      if (kept !== "") output.line(`What it had is in ${kept}.`);
      return 0;
    }
    const recovery = await Recovery.prepare(env, config, flags.on("force"));
    for (const line of told(recovery.facts)) output.line(line);
    if (!flags.on("yes") && !(await isAgreed())) {
      await recovery.abandon();
      output.line("Nothing was changed. To go on: the same with -yes.");
      return 1;
    }
    const kept = await recovery.commit();
    output.line(
      "This server has the state to itself now. Start its agent; others join it with `lares join … -server`.",
    );
    output.line(`What was there is in ${kept}; remove it when all is well.`);
    return 0;
  } finally {
    env.close();
  }
};

function told({ revision, heardMs, ledBy, isLeader, lost, tables }: RecoveryFacts): string[] {
  const names = lost.map(({ Name, Address }) => `${Name} (${Address})`).join(", ");
  const rows = ["jobs", "nodes", "allocs", "catalog-services", "kv", "variables"].map((name) => [
    name,
    String(tables.get(name) ?? 0),
  ]);
  return [
    ...properties([
      ["Revision", String(revision)],
      ["Last heard of a write", new Date(heardMs).toISOString()],
      ["Led then", ledBy === "" ? "nobody" : isLeader ? `${ledBy}, which is this server` : ledBy],
      ["Given up", names === "" ? "no other server" : names],
    ]),
    "",
    ...columns(["Kept", "Records"], rows),
    "",
    "What may be missing: whatever the other servers agreed on after this server last heard of a write. If it was cut",
    "off or down before they were lost, that is everything since. Writes it heard of that were never",
    "acknowledged may be there. If another server's data can be saved, look at it with this command, and recover the",
    "one with the highest revision. A server that is given up and comes back takes its part anew.",
    "",
  ];
}

async function isAgreed(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await asking.question("Go on without them? Write yes: ");
  asking.close();
  return answer.trim().toLowerCase() === "yes";
}
