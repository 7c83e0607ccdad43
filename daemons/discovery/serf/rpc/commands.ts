import { RE2JS } from "re2js";
import * as v from "valibot";
import { messageOf } from "#base/env/errors.ts";
import { coordinateFields, origin } from "../core/coordinate.ts";
import type { KeyVerb } from "../core/key-queries.ts";
import type { SerfMember } from "../core/member.ts";
import type { Tags } from "../core/tags.ts";
import { bytesField, flagField, listField, textField, textMapField } from "../wire/fields.ts";
import { OK, said, withBody, withoutBody, type Answer, type Client, type CommandRow } from "./command.ts";
import { keyRecord, memberRecord, statsRecord } from "./records.ts";
import { streamCommands } from "./stream-commands.ts";

const KeySchema = v.object({ Key: textField });
/** The one there is. */
const RPC_VERSION = 1;

/** Every command of the port and what follows its header (https://github.com/hashicorp/serf/blob/master/docs/agent/rpc.html.markdown). */
const COMMANDS: Readonly<Record<string, CommandRow>> = {
  handshake: withBody(v.object({ Version: v.nullish(v.number(), 0) }), (client, { Version }) => {
    if (Version !== RPC_VERSION) return { error: "Unsupported IPC version" };
    if (client.greeted) return { error: "Handshake already performed" };
    client.greeted = true;
    return OK;
  }),
  auth: withBody(v.object({ AuthKey: textField }), (client, { AuthKey }) => {
    if (!sameText(AuthKey, client.deps.authKey)) return { error: "Invalid authentication token" };
    client.trusted = true;
    return OK;
  }),
  event: withBody(
    v.object({ Name: textField, Payload: bytesField, Coalesce: flagField }),
    ({ deps }, { Name, Payload, Coalesce }) =>
      said(deps.serf.fire({ name: Name, payload: Payload, coalesce: Coalesce })),
  ),
  "force-leave": withBody(v.object({ Node: textField, Prune: flagField }), async ({ deps }, { Node, Prune }) =>
    said(await deps.serf.forceLeave(Node, Prune)),
  ),
  join: withBody(v.object({ Existing: listField(textField), Replay: flagField }), join),
  members: withoutBody(({ deps }) => ({ error: "", body: { Members: deps.serf.members().map(memberRecord) } })),
  "members-filtered": withBody(v.object({ Tags: textMapField, Status: textField, Name: textField }), filtered),
  tags: withBody(v.object({ Tags: textMapField, DeleteTags: listField(textField) }), async ({ deps }, body) => {
    const kept = Object.entries(deps.serf.core.tags).filter(([key]) => !body.DeleteTags.includes(key));
    return said(await deps.serf.setTags({ ...Object.fromEntries(kept), ...body.Tags }));
  }),
  leave: withoutBody(async ({ deps }) => {
    await deps.serf.leave();
    return { error: "", after: () => void deps.leave() };
  }),
  "install-key": withBody(KeySchema, (client, { Key }) => keys(client, "install", Key)),
  "use-key": withBody(KeySchema, (client, { Key }) => keys(client, "use", Key)),
  "remove-key": withBody(KeySchema, (client, { Key }) => keys(client, "remove", Key)),
  "list-keys": withoutBody((client) => keys(client, "list", "")),
  stats: withoutBody(({ deps }) => ({ error: "", body: statsRecord(deps.serf) })),
  "get-coordinate": withBody(v.object({ Node: textField }), ({ deps }, { Node }) => {
    const known = deps.serf.coordinateOf(Node);
    return { error: "", body: { Coord: coordinateFields(known ?? origin()), Ok: known !== undefined } };
  }),
  ...streamCommands,
};

export function commandOf(name: string): CommandRow | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
}

export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

async function join(
  { deps }: Client,
  { Existing, Replay }: { readonly Existing: readonly string[]; readonly Replay: boolean },
): Promise<Answer> {
  const { joined, failures } = await deps.serf.join(Existing, { replay: Replay });
  const error = joined > 0 ? "" : failures.map((each) => each.message).join("; ");
  return { error, body: { Num: joined } };
}

function filtered(
  { deps }: Client,
  { Tags: tags, Status, Name }: { readonly Tags: Tags; readonly Status: string; readonly Name: string },
): Answer {
  try {
    const status = whole(Status);
    const name = whole(Name);
    const wanted = Object.entries(tags).map(([key, expression]) => ({ key, matches: whole(expression) }));
    const passes = (member: SerfMember): boolean =>
      wanted.every(({ key, matches }) => matches(member.tags[key] ?? "")) &&
      (Status === "" || status(member.status)) &&
      (Name === "" || name(member.name));
    return { error: "", body: { Members: deps.serf.members().filter(passes).map(memberRecord) } };
  } catch (error) {
    return { error: `Failed to compile regex: ${messageOf(error)}`, body: { Members: [] } };
  }
}

/** A regular expression that has to match all of a text. Throws when it is none. */
function whole(expression: string): (text: string) => boolean {
  const compiled = RE2JS.compile(`^(?:${expression})$`);
  return (text) => compiled.matcher(text).find();
}

async function keys({ deps }: Client, verb: KeyVerb, key: string): Promise<Answer> {
  const report = await deps.serf.keys(verb, key);
  const nothing = { messages: {}, keys: {}, primaryKeys: {}, nodes: 0, responses: 0, errors: 0 };
  if (!report.ok) return { error: report.error.message, body: keyRecord(nothing) };
  const { nodes, responses, errors } = report.value;
  const error =
    errors > 0
      ? `${errors}/${nodes} nodes reported failure`
      : responses < nodes
        ? `${nodes - responses}/${nodes} nodes did not answer`
        : "";
  return { error, body: keyRecord(report.value) };
}

/** Takes as long for a wrong guess as for a right one of the same length. */
function sameText(a: string, b: string): boolean {
  const given = Buffer.from(a);
  const wanted = Buffer.from(b);
  let different = given.length ^ wanted.length;
  for (let i = 0; i < wanted.length; i++) different |= (given[i] ?? 0) ^ (wanted[i] ?? 0);
  return different === 0;
}
