import * as v from "valibot";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed, show } from "../print/show.ts";
import { withDns } from "./dns-session.ts";

const ListsSchema = v.looseObject({
  lists: v.array(
    v.looseObject({
      address: v.string(),
      type: v.string(),
      enabled: v.boolean(),
      number: v.number(),
      status: v.number(),
      date_updated: v.number(),
    }),
  ),
});
const STATES = ["not looked for yet", "new", "unchanged", "not to be had, older one in use", "not to be had"];

export const lists = withDns(async ({ api, flags, output }) => {
  const answer = await api.call("/api/lists", { schema: ListsSchema });
  return show({ flags, output }, answer.lists, () =>
    columns(
      ["Address", "Type", "Names", "State", "Changed"],
      answer.lists.map(({ address, type, enabled, number, status, date_updated }) => [
        address,
        type,
        String(number),
        enabled ? (STATES[status] ?? "-") : "off",
        date_updated === 0 ? "-" : new Date(date_updated * 1000).toISOString().slice(0, 16),
      ]),
    ),
  );
});

const AddedSchema = v.looseObject({
  processed: v.looseObject({
    success: v.array(v.looseObject({ item: v.string() })),
    errors: v.array(v.looseObject({ item: v.string(), error: v.string() })),
  }),
});

export const add = withDns(async ({ api, flags, output, operands }) => {
  if (operands.length === 0) throw new UsageError("name at least one address");
  const comment = flags.value("comment");
  const body = { address: operands, ...(comment === undefined ? {} : { comment }) };
  const path = `/api/lists?type=${flags.on("allow") ? "allow" : "block"}`;
  const answer = await api.call(path, { method: "POST", body, schema: AddedSchema });
  const { success, errors } = answer.processed;
  if (!(await printed({ flags, output }, answer))) for (const { item } of success) output.line(`Added: ${item}`);
  for (const { item, error } of errors) output.error(`${item}: ${error}`);
  return errors.length > 0 ? 1 : 0;
});

export const remove = withDns(async ({ api, output, operands }) => {
  if (operands.length === 0) throw new UsageError("name at least one address");
  for (const address of operands) {
    await api.send(`/api/lists/${encodeURIComponent(address)}`, { method: "DELETE" });
    output.line(`Removed: ${address}`);
  }
  return 0;
});

export const update = withDns(async ({ api, output }) => {
  const response = await api.send("/api/action/gravity", { method: "POST" });
  for await (const part of response.body) output.write(part);
  return 0;
});

const GroupsSchema = v.looseObject({
  groups: v.array(
    v.looseObject({ id: v.number(), name: v.string(), enabled: v.boolean(), comment: v.nullable(v.string()) }),
  ),
});
const ClientsSchema = v.looseObject({
  clients: v.array(v.looseObject({ client: v.string(), groups: v.array(v.number()) })),
});

export const groups = withDns(async ({ api, flags, output }) => {
  const answer = await api.call("/api/groups", { schema: GroupsSchema });
  const { clients } = await api.call("/api/clients", { schema: ClientsSchema });
  return show({ flags, output }, { groups: answer.groups, clients }, () =>
    columns(
      ["Group", "Enabled", "Clients", "Comment"],
      answer.groups.map(({ id, name, enabled, comment }) => {
        const members = clients.filter((one) => one.groups.includes(id)).map(({ client }) => client);
        const everybody = id === 0 ? ["everybody else"] : [];
        return [name, String(enabled), [...members, ...everybody].join(", ") || "-", comment ?? "-"];
      }),
    ),
  );
});
