import * as v from "valibot";
import { UsageError } from "../command/command.ts";
import { isForPrograms, printed } from "../print/show.ts";
import { withDns } from "./dns-session.ts";
import { countOf } from "./status.ts";

const QuerySchema = v.looseObject({
  time: v.number(),
  type: v.string(),
  domain: v.string(),
  status: v.string(),
  client: v.looseObject({ ip: v.string(), name: v.nullable(v.string()) }),
  reply: v.looseObject({ type: v.string(), time: v.number() }),
  upstream: v.nullable(v.string()),
});
type Query = v.InferOutput<typeof QuerySchema>;
const PageSchema = v.looseObject({ queries: v.array(QuerySchema) });
const LineSchema = v.pipe(v.string(), v.parseJson(), QuerySchema);
const BLOCKED = /^(GRAVITY|REGEX|DENYLIST|EXTERNAL|SPECIAL)/;

export const queryLog = withDns(async ({ api, flags, output, operands }) => {
  if (operands.length > 0) throw new UsageError("nothing may follow; narrow it down with -name and -client");
  const name = flags.value("name");
  const client = flags.value("client");
  const isWanted = ({ status }: Query): boolean => !flags.on("blocked") || BLOCKED.test(status);
  const query = new URLSearchParams({
    length: String(countOf(flags.value("n"), 20)),
    ...(flags.on("blocked") ? { upstream: "blocklist" } : {}),
    ...(name === undefined ? {} : { domain: name }),
    ...(client === undefined ? {} : { client_ip: client }),
  });
  const { queries } = await api.call(`/api/queries?${query.toString()}`, { schema: PageSchema });
  const found = queries.filter(isWanted).toReversed();
  if (!flags.on("follow") && (await printed({ flags, output }, found))) return 0;
  const print = (one: Query): void => output.line(isForPrograms({ flags }) ? JSON.stringify(one) : lineOf(one));
  for (const one of found) print(one);
  if (!flags.on("follow")) return 0;
  const tail = await api.send("/api/queries/tail");
  const matches = likeness(name);
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of tail.body) {
    const lines = (text + decoder.decode(part, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const one = v.safeParse(LineSchema, line);
      if (!one.success || !isWanted(one.output) || !matches(one.output.domain)) continue;
      if (client === undefined || one.output.client.ip === client) print(one.output);
    }
  }
  return 0;
});

/** The server narrows pages down; what it sends as it comes is narrowed down here. */
function likeness(pattern: string | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  const pieces = pattern.toLowerCase().split("*");
  return (name) => {
    let at = 0;
    for (const [n, piece] of pieces.entries()) {
      const found = n === pieces.length - 1 && n > 0 ? name.lastIndexOf(piece) : name.indexOf(piece, at);
      if (found < at || (n === 0 && found !== 0)) return false;
      at = found + piece.length;
    }
    return pieces.at(-1) === "" || at === name.length;
  };
}

function lineOf({ time, type, domain, status, client, reply, upstream }: Query): string {
  const at = new Date(time * 1000).toISOString().slice(11, 19);
  const who = (client.name ?? client.ip).padEnd(16);
  const how = BLOCKED.test(status) ? "blocked" : status.toLowerCase();
  const took = reply.time > 0 ? ` ${(reply.time * 1000).toFixed(1)} ms` : "";
  const by = upstream === null ? "" : ` ${upstream}`;
  return `${at}  ${who}  ${type.padEnd(5)}  ${how.padEnd(10)}  ${domain}${by}${took}`;
}
