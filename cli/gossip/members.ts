import { RE2JS } from "re2js";
import * as v from "valibot";
import { messageOf } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { isForPrograms, printed } from "../print/show.ts";

const MembersSchema = v.array(
  v.object({
    Name: v.string(),
    Addr: v.string(),
    Port: v.number(),
    Status: v.number(),
    Tags: v.nullish(v.record(v.string(), v.string()), () => ({})),
    ProtocolCur: v.number(),
    DelegateCur: v.number(),
  }),
);
type Member = v.InferOutput<typeof MembersSchema>[number];

const STATES = ["none", "alive", "leaving", "left", "failed"];

/** Members, filtered by whole matches. Exit code 2: there is none, as with Consul's. */
export const members = withConsul(async ({ consul, output, flags }) => {
  const query = { wan: flags.on("wan") ? true : undefined, segment: flags.value("segment") };
  const all = valueOf(await consul.call({ path: "/v1/agent/members", query, schema: MembersSchema }));
  const matches = filterOf(flags);
  const found = all.filter(matches).toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
  if (isForPrograms({ flags })) {
    await printed({ flags, output }, found);
    return found.length === 0 ? 2 : 0;
  }
  for (const line of flags.on("detailed") ? detailed(found) : standard(found)) output.line(line);
  return found.length === 0 ? 2 : 0;
});

function standard(found: readonly Member[]): string[] {
  return columns(
    ["Node", "Address", "Status", "Type", "Build", "Protocol", "DC"],
    found.map(({ Name, Addr, Port, Status, Tags, ProtocolCur }) => [
      Name,
      place(Addr, Port),
      STATES[Status] ?? String(Status),
      typeOf(Tags["role"]),
      Tags["build"] ?? "-",
      Tags["vsn"] ?? String(ProtocolCur),
      Tags["dc"] ?? "-",
    ]),
  );
}

function detailed(found: readonly Member[]): string[] {
  return columns(
    ["Node", "Address", "Status", "Protocol", "Delegate", "Tags"],
    found.map(({ Name, Addr, Port, Status, Tags, ProtocolCur, DelegateCur }) => [
      Name,
      place(Addr, Port),
      STATES[Status] ?? String(Status),
      String(ProtocolCur),
      String(DelegateCur),
      Object.entries(Tags)
        .map(([key, value]) => `${key}=${value}`)
        .toSorted()
        .join(","),
    ]),
  );
}

/** Consul's agents say by their role whether they are servers; agents of Serf have any role or none. */
function typeOf(role: string | undefined): string {
  if (role === "consul") return "server";
  return role === "node" ? "client" : (role ?? "-");
}

function place(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function filterOf(flags: FlagValues): (member: Member) => boolean {
  const status = expression("status", flags.value("status"));
  const name = expression("name", flags.value("name"));
  const tags = flags.values("tag").map((given) => {
    const at = given.indexOf("=");
    if (at < 1) throw new UsageError(`-tag takes KEY=REGEX, not "${given}"`);
    return { key: given.slice(0, at), matches: expression("tag", given.slice(at + 1)) };
  });
  return (member) =>
    status(STATES[member.Status] ?? "") &&
    name(member.Name) &&
    tags.every(({ key, matches }) => Object.hasOwn(member.Tags, key) && matches(member.Tags[key] ?? ""));
}

function expression(flag: string, text: string | undefined): (value: string) => boolean {
  if (text === undefined) return () => true;
  try {
    const compiled = RE2JS.compile(`^(?:${text})$`);
    return (value) => compiled.matcher(value).find();
  } catch (error) {
    throw new UsageError(`-${flag} takes a regular expression, not "${text}": ${messageOf(error)}`);
  }
}
