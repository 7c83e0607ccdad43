import * as v from "valibot";
import { utf8, textOf } from "#base/env/bytes.ts";
import { readDuration } from "#base/language/duration.ts";
import { bytesField, textField } from "#daemons/discovery/serf/wire/fields.ts";
import { UsageError } from "../command/command.ts";
import { MembersSchema, tagsOf } from "./members.ts";
import { withSerf, type SerfSession } from "./session.ts";

const RecordSchema = v.object({ Type: textField, From: textField, Payload: bytesField });
/** The query that everybody acknowledges and nobody answers. */
const PING = "_serf_ping";
const MAX_RELAYS = 255;

export const event = withSerf(async ({ rpc, flags, operands, output }) => {
  const [Name, payload = "", ...more] = operands;
  if (Name === undefined || more.length > 0) throw new UsageError("name the event, and give at most one payload");
  const Coalesce = flags.value("coalesce") !== "false";
  await rpc.call("event", { Name, Payload: utf8(payload), Coalesce });
  output.line(`Event '${Name}' dispatched! Coalescing enabled: ${Coalesce}`);
  return 0;
});

export const query = withSerf(async (session) => {
  const { flags, operands, output } = session;
  const [name, payload = "", ...more] = operands;
  if (name === undefined || more.length > 0) throw new UsageError("name the query, and give at most one payload");
  const isJson = flags.value("format") === "json" || flags.on("json");
  const acks: string[] = [];
  const responses: Record<string, string> = {};
  const say = (line: string): void => {
    if (!isJson) output.line(line);
  };
  const asked = {
    FilterNodes: flags.values("node"),
    FilterTags: tagsOf(flags, "tag"),
    RequestAck: !flags.on("no-ack"),
    RelayFactor: relaysOf(flags.value("relay-factor")),
    Timeout: timeoutOf(flags.value("timeout")),
    Name: name,
    Payload: utf8(payload),
  };
  say(`Query '${name}' dispatched`);
  await answers(session, asked, ({ Type, From, Payload }) => {
    const text = textOf(Payload).replace(/\n$/, "");
    if (Type === "ack") acks.push(From);
    else responses[From] = text;
    say(Type === "ack" ? `Ack from '${From}'` : `Response from '${From}': ${text}`);
  });
  if (isJson) output.line(JSON.stringify({ Acks: acks, Responses: responses }, null, 2));
  if (asked.RequestAck) say(`Total Acks: ${acks.length}`);
  say(`Total Responses: ${Object.keys(responses).length}`);
  return 0;
});

/** Who acknowledges a query of all. Exit code 1: not everybody who counts as alive does. */
export const reachability = withSerf(async (session) => {
  const { rpc, flags, output } = session;
  const { Members } = await rpc.ask(MembersSchema, "members");
  const live = new Set(Members.filter(({ Status }) => Status === "alive").map(({ Name }) => Name));
  output.line(`Total members: ${Members.length}, live members: ${live.size}`);
  output.line("Starting reachability test...");
  const asked = { RequestAck: true, Name: PING, Payload: new Uint8Array(), Timeout: 0 };
  const seen = new Map<string, number>();
  await answers(session, asked, ({ Type, From }) => {
    if (Type !== "ack") return;
    if (flags.on("verbose")) output.line(`\tAck from '${From}'`);
    seen.set(From, (seen.get(From) ?? 0) + 1);
  });
  const twice = [...seen].filter(([, count]) => count > 1).map(([name]) => name);
  const missing = [...live].filter((name) => !seen.has(name));
  const strangers = [...seen.keys()].filter((name) => !live.has(name));
  for (const name of twice) output.line(`Duplicate response from '${name}'`);
  for (const name of strangers) output.line(`Response from '${name}', which is not alive`);
  for (const name of missing) output.line(`No response from '${name}'`);
  if (missing.length + twice.length + strangers.length > 0) return 1;
  output.line("Successfully contacted all live nodes");
  return 0;
});

/** Until the query's time is over. */
async function answers(
  { rpc }: SerfSession,
  asked: Parameters<SerfSession["rpc"]["follow"]>[1],
  take: (record: v.InferOutput<typeof RecordSchema>) => void,
): Promise<void> {
  let done: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (done = resolve));
  const ended = rpc.ended();
  await rpc.follow("query", asked, (record) => {
    const read = v.safeParse(RecordSchema, record);
    if (!read.success) return;
    if (read.output.Type === "done") done();
    // Serf closes its channels at the deadline and may send what a closed one gives: a record of nobody.
    else if (read.output.From !== "") take(read.output);
  });
  await Promise.race([over, ended]);
}

function timeoutOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const read = readDuration(text);
  if (!read.ok || read.value < 0) throw new UsageError(`-timeout takes a duration such as 15s, not "${text}"`);
  return read.value;
}

function relaysOf(text = "0"): number {
  const relays = Number(text);
  if (Number.isInteger(relays) && relays >= 0 && relays <= MAX_RELAYS) return relays;
  throw new UsageError(`-relay-factor takes a whole number up to ${MAX_RELAYS}, not "${text}"`);
}
