import { randomBytes } from "node:crypto";
import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { printed } from "../print/show.ts";

const counts = v.nullish(v.record(v.string(), v.number()), () => ({}));
const PoolsSchema = v.array(
  v.object({
    WAN: v.boolean(),
    Datacenter: v.string(),
    Keys: counts,
    PrimaryKeys: counts,
    NumNodes: v.number(),
    Messages: v.nullish(v.record(v.string(), v.string()), () => ({})),
  }),
);
const METHODS = { install: "POST", use: "PUT", remove: "DELETE" } as const;
/** Key queries wait for the slowest member. */
const WAIT_MS = 120_000;

/** Exactly one of `-list`, `-install`, `-use`, `-remove`. */
export const keyring = withConsul(async ({ consul, output, flags }) => {
  const verbs = (["install", "use", "remove"] as const).filter((verb) => flags.value(verb) !== undefined);
  if (verbs.length + (flags.on("list") ? 1 : 0) !== 1)
    throw new UsageError("give one of -list, -install, -use and -remove");
  const path = "/v1/operator/keyring";
  const [verb] = verbs;
  if (verb !== undefined) {
    const body = { Key: flags.value(verb) };
    valueOf(await consul.call({ method: METHODS[verb], path, body, schema: v.unknown(), timeoutMs: WAIT_MS }));
    return 0;
  }
  const pools = valueOf(await consul.call({ path, schema: PoolsSchema, timeoutMs: WAIT_MS }));
  if (await printed({ flags, output }, pools)) return 0;
  for (const pool of pools) {
    output.line(`${pool.Datacenter} (${pool.WAN ? "WAN" : "LAN"}):`);
    for (const [node, message] of Object.entries(pool.Messages)) output.line(`  ${node}: ${message}`);
    for (const [key, count] of Object.entries(pool.Keys)) {
      const primary = Object.hasOwn(pool.PrimaryKeys, key) ? " primary" : "";
      output.line(`  ${key} [${count}/${pool.NumNodes}]${primary}`);
    }
  }
  return 0;
});

/** 32 bytes in base64. */
export const keygen: RunCommand = ({ output }) => {
  output.line(randomBytes(32).toString("base64"));
  return Promise.resolve(0);
};
