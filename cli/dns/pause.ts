import * as v from "valibot";
import { parseDuration } from "#base/language/duration.ts";
import { UsageError } from "../command/command.ts";
import { show } from "../print/show.ts";
import { span } from "../print/time.ts";
import { withDns } from "./dns-session.ts";

const BlockingSchema = v.looseObject({ blocking: v.string(), timer: v.nullable(v.number()) });
const DEFAULT = "5m";

export const pause = withDns(async ({ api, flags, output, operands }) => {
  const [text = DEFAULT, ...more] = operands;
  const ns = parseDuration(/^\d+$/.test(text) ? `${text}s` : text);
  if (more.length > 0 || ns === undefined || ns <= 0)
    throw new UsageError(`${text}: expected a duration such as 30s, 5m, 1h`);
  const body = { blocking: false, timer: ns / 1e9 };
  const now = await api.call("/api/dns/blocking", { method: "POST", body, schema: BlockingSchema });
  return show({ flags, output }, now, () => [`Nothing is blocked for ${span(Math.ceil(now.timer ?? 0))}.`]);
});

export const resume = withDns(async ({ api, flags, output, operands }) => {
  if (operands.length > 0) throw new UsageError("nothing may follow");
  const body = { blocking: true };
  const now = await api.call("/api/dns/blocking", { method: "POST", body, schema: BlockingSchema });
  return show({ flags, output }, now, () => ["Blocking again."]);
});
