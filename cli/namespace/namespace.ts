import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { block, integer, text, textMap, texts } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { printed, show } from "../print/show.ts";
import { readSpec } from "../spec/read-spec.ts";
import { namespaceFile } from "./namespace-table.ts";

/** https://developer.hashicorp.com/nomad/api-docs/namespaces */
const NamespaceSchema = v.object({
  Name: text,
  Description: text,
  Quota: text,
  Meta: textMap,
  Capabilities: block(
    v.object({
      EnabledTaskDrivers: texts,
      DisabledTaskDrivers: texts,
      EnabledNetworkModes: texts,
      DisabledNetworkModes: texts,
    }),
  ),
  NodePoolConfiguration: block(v.object({ Default: text, Allowed: texts, Denied: texts })),
  CreateIndex: integer,
  ModifyIndex: integer,
});
type Namespace = v.InferOutput<typeof NamespaceSchema>;

export const list = withNomad(async (session) => {
  const all = valueOf(await session.nomad.call({ path: "/v1/namespaces", schema: v.array(NamespaceSchema) }));
  return show(session, all, () =>
    columns(
      ["Name", "Description"],
      all.map(({ Name, Description }) => [Name, Description]),
    ),
  );
});

export const status = withNomad(async (session) => {
  const found = await read(session);
  return show(session, found, () => lines(found));
});

export const inspect = withNomad(async (session) => {
  const found = await read(session);
  if (!(await printed(session, found))) printJson(session.output, found);
  return 0;
});

/** `apply NAME` with flags, or `apply FILE` (`-` reads standard input). What a flag does not name stays. */
export const apply = withNomad(async (session) => {
  const { operands, nomad, output } = session;
  const [operand] = operands;
  if (operand === undefined || operands.length > 1) throw new UsageError("give a name, or a file");
  const isFile = operand === "-" || /\.(hcl|json)$/.test(operand);
  const wanted = isFile
    ? v.parse(NamespaceSchema, readSpec(operand, namespaceFile))
    : { ...(await before(session, operand)), ...changes(session), Name: operand };
  valueOf(await nomad.call({ method: "PUT", path: "/v1/namespace", body: wanted, schema: v.unknown() }));
  output.line(`Successfully applied namespace "${wanted.Name}"!`);
  return 0;
});

export const remove = withNomad(async ({ nomad, operands, output }) => {
  const [name] = operands;
  if (name === undefined) throw new UsageError("name a namespace");
  valueOf(await nomad.call({ method: "DELETE", path: `/v1/namespace/${segment(name)}`, schema: v.unknown() }));
  output.line(`Successfully deleted namespace "${name}"!`);
  return 0;
});

async function read({ nomad, operands }: NomadSession): Promise<Namespace> {
  const [name] = operands;
  if (name === undefined) throw new UsageError("name a namespace");
  return valueOf(await nomad.call({ path: `/v1/namespace/${segment(name)}`, schema: NamespaceSchema }));
}

/** Only what an earlier one has; a new one starts empty. */
async function before({ nomad }: NomadSession, name: string): Promise<Partial<Namespace>> {
  const result = await nomad.call({ path: `/v1/namespace/${segment(name)}`, schema: NamespaceSchema });
  if (!result.ok && result.error.code === "missing") return {};
  return valueOf(result);
}

function changes({ flags }: NomadSession): Partial<Namespace> {
  const description = flags.value("description");
  const quota = flags.value("quota");
  const meta = flags.values("meta").map((pair) => {
    const at = pair.indexOf("=");
    if (at <= 0) throw new UsageError(`-meta takes KEY=VALUE, not "${pair}"`);
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  return {
    ...(description === undefined ? {} : { Description: description }),
    ...(quota === undefined ? {} : { Quota: quota }),
    ...(meta.length === 0 ? {} : { Meta: Object.fromEntries(meta) }),
  };
}

function lines(one: Namespace): string[] {
  const { Capabilities: may, NodePoolConfiguration: pools } = one;
  const or = (names: readonly string[] | undefined, missing: string): string =>
    names === undefined || names.length === 0 ? missing : names.join(",");
  return [
    ...properties([
      ["Name", one.Name],
      ["Description", one.Description || "<none>"],
      ["Quota", one.Quota || "<none>"],
      ["EnabledDrivers", or(may?.EnabledTaskDrivers, "*")],
      ["DisabledDrivers", or(may?.DisabledTaskDrivers, "<none>")],
      ["EnabledNetworkModes", or(may?.EnabledNetworkModes, "*")],
      ["DisabledNetworkModes", or(may?.DisabledNetworkModes, "<none>")],
    ]),
    ...(Object.keys(one.Meta).length === 0
      ? []
      : ["", "Metadata", ...properties(Object.entries(one.Meta).toSorted(([a], [b]) => (a < b ? -1 : 1)))]),
    ...(pools === null
      ? []
      : [
          "",
          "Node Pool Configuration",
          ...properties([
            ["Default", pools.Default || "<none>"],
            ["Allowed", or(pools.Allowed, "<none>")],
            ["Denied", or(pools.Denied, "<none>")],
          ]),
        ]),
  ];
}
