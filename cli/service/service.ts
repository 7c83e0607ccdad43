import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { integer, text, texts } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { shortId } from "../print/time.ts";

/** https://developer.hashicorp.com/nomad/api-docs/services */
const ListSchema = v.array(
  v.object({ Namespace: text, Services: v.array(v.object({ ServiceName: text, Tags: texts })) }),
);
const RegistrationSchema = v.object({
  ID: text,
  ServiceName: text,
  Namespace: text,
  NodeID: text,
  Datacenter: text,
  JobID: text,
  AllocID: text,
  Tags: texts,
  Address: text,
  Port: integer,
});

/** Services registered with the built-in provider. */
export const list = withNomad(async (session) => {
  const { nomad, namespace } = session;
  const all = valueOf(await nomad.call({ path: "/v1/services", query: { namespace }, schema: ListSchema }));
  const rows = all.flatMap(({ Namespace, Services: services }) =>
    services.map(({ ServiceName, Tags }) => ({ Namespace, ServiceName, Tags })),
  );
  return show(session, all, () => {
    if (rows.length === 0) return ["No service registrations found"];
    const many = namespace === "*";
    return columns(
      ["Service Name", ...(many ? ["Namespace"] : []), "Tags"],
      rows.map((row) => [row.ServiceName, ...(many ? [row.Namespace] : []), `[${row.Tags.join(",")}]`]),
    );
  });
});

export const info = withNomad(async (session) => {
  const { nomad, operands, namespace, flags } = session;
  const [name] = operands;
  if (name === undefined) throw new UsageError("name a service");
  const query = {
    namespace,
    filter: flags.value("filter"),
    per_page: flags.value("per-page"),
    next_token: flags.value("page-token"),
  };
  const all = valueOf(
    await nomad.call({ path: `/v1/service/${segment(name)}`, query, schema: v.array(RegistrationSchema) }),
  );
  return show(session, all, () => {
    if (all.length === 0) return [`No service registrations found for "${name}"`];
    if (flags.on("verbose"))
      return all.flatMap((one) => [
        ...properties([
          ["ID", one.ID],
          ["Service Name", one.ServiceName],
          ["Namespace", one.Namespace],
          ["Job ID", one.JobID],
          ["Alloc ID", one.AllocID],
          ["Node ID", one.NodeID],
          ["Datacenter", one.Datacenter],
          ["Address", addressOf(one)],
          ["Tags", `[${one.Tags.join(",")}]`],
        ]),
        "",
      ]);
    const rows = all.map((one) => [
      one.JobID,
      addressOf(one),
      `[${one.Tags.join(",")}]`,
      shortId(one.NodeID),
      shortId(one.AllocID),
    ]);
    return columns(["Job ID", "Address", "Tags", "Node ID", "Alloc ID"], rows);
  });
});

/** `NAME ID`: forgets a registration whose owner cannot do it any more. */
export const remove = withNomad(async ({ nomad, operands, namespace, output }) => {
  const [name, id, ...more] = operands;
  if (name === undefined || id === undefined || more.length > 0) throw new UsageError("give a service and an id of it");
  const path = `/v1/service/${segment(name)}/${segment(id)}`;
  valueOf(await nomad.call({ method: "DELETE", path, query: { namespace }, schema: v.unknown() }));
  output.line("Successfully deleted service registration");
  return 0;
});

function addressOf({ Address, Port }: { readonly Address: string; readonly Port: number }): string {
  return Port > 0 ? `${Address.includes(":") ? `[${Address}]` : Address}:${Port}` : Address;
}
