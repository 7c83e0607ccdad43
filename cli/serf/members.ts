import * as v from "valibot";
import { bytesField, countField, listField, textField, textMapField } from "#daemons/discovery/serf/wire/fields.ts";
import { joinHostPort } from "#daemons/discovery/serf/shell/host-port.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { withSerf } from "./session.ts";

// What the delegate speaks is Serf's own protocol.
const byte = countField(255);
const MemberSchema = v.object({
  Name: textField,
  Addr: bytesField,
  Port: countField(65_535),
  Tags: textMapField,
  Status: textField,
  DelegateMin: byte,
  DelegateMax: byte,
  DelegateCur: byte,
});
type Member = v.InferOutput<typeof MemberSchema>;
export const MembersSchema = v.object({ Members: listField(MemberSchema) });

/** Members whose names, states and tags fit. Exit code 2: there is none. */
export const members = withSerf(async ({ rpc, flags, output }) => {
  const role = flags.value("role");
  const Tags = { ...tagsOf(flags, "tag"), ...(role === undefined ? {} : { role }) };
  const filter = { Tags, Status: flags.value("status") ?? "", Name: flags.value("name") ?? "" };
  const { Members } = await rpc.ask(MembersSchema, "members-filtered", filter);
  const found = Members.toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
  if (flags.value("format") === "json" || flags.on("json")) {
    output.line(JSON.stringify({ members: found.map(asJson) }, null, 2));
    return found.length === 0 ? 2 : 0;
  }
  const isDetailed = flags.on("detailed");
  const lines = columns(
    ["", "", "", "", ""],
    found.map((member) => row(member, isDetailed)),
  );
  for (const line of lines.slice(1)) output.line(line);
  return found.length === 0 ? 2 : 0;
});

/** `KEY=VALUE`, any number of them. */
export function tagsOf(flags: FlagValues, name: string): Record<string, string> {
  const pairs = flags.values(name).map((text): readonly [string, string] => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`-${name} takes KEY=VALUE, not "${text}"`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}

function row(member: Member, isDetailed: boolean): string[] {
  const tags = Object.entries(member.Tags).map(([key, text]) => `${key}=${text}`);
  const versions = `Protocol Version: ${member.DelegateCur} Available Protocol Range: [${member.DelegateMin}, ${member.DelegateMax}]`;
  return [member.Name, placeOf(member), member.Status, tags.toSorted().join(","), ...(isDetailed ? [versions] : [])];
}

function asJson(member: Member) {
  const { Name: name, Port: port, Tags: tags, Status: status } = member;
  const protocol = { max: member.DelegateMax, min: member.DelegateMin, version: member.DelegateCur };
  return { name, addr: placeOf(member), port, tags, status, protocol };
}

function placeOf({ Addr, Port }: Member): string {
  return joinHostPort({ host: hostOf(Addr), port: Port });
}

/** 4 bytes, 16, or 4 within 16 (RFC 4291 section 2.5.5.2). */
function hostOf(bytes: Uint8Array): string {
  const isMapped = bytes.length === 16 && bytes[10] === 0xff && bytes[11] === 0xff;
  if (bytes.length === 4 || isMapped) return [...bytes.subarray(-4)].join(".");
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return groups.join(":");
}
