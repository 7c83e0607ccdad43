import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed, show } from "../print/show.ts";
import { withDns } from "./dns-session.ts";

const RuleSchema = v.looseObject({
  domain: v.string(),
  type: v.string(),
  kind: v.string(),
  enabled: v.boolean(),
  comment: v.nullable(v.string()),
});
const ProcessedSchema = v.looseObject({
  processed: v.looseObject({
    success: v.array(v.looseObject({ item: v.string() })),
    errors: v.array(v.looseObject({ item: v.string(), error: v.string() })),
  }),
});

export const block = adding("deny");
export const allow = adding("allow");
export const unblock = removing("deny");
export const disallow = removing("allow");

function adding(type: "deny" | "allow"): RunCommand {
  return withDns(async ({ api, flags, output, operands }) => {
    if (operands.length === 0) throw new UsageError("name at least one");
    const comment = flags.value("comment");
    const body = { domain: operands, ...(comment === undefined ? {} : { comment }) };
    const path = `/api/domains/${type}/${flags.on("regex") ? "regex" : "exact"}`;
    const answer = await api.call(path, { method: "POST", body, schema: ProcessedSchema });
    const { success, errors } = answer.processed;
    if (!(await printed({ flags, output }, answer)))
      for (const { item } of success) output.line(`${type === "deny" ? "Blocked" : "Allowed"}: ${item}`);
    for (const { item, error } of errors) output.error(`${item}: ${error}`);
    return errors.length > 0 ? 1 : 0;
  });
}

function removing(type: "deny" | "allow"): RunCommand {
  return withDns(async ({ api, flags, output, operands }) => {
    if (operands.length === 0) throw new UsageError("name at least one");
    const kind = flags.on("regex") ? "regex" : "exact";
    for (const name of operands) {
      await api.send(`/api/domains/${type}/${kind}/${encodeURIComponent(name)}`, { method: "DELETE" });
      output.line(`No longer ${type === "deny" ? "blocked" : "allowed"} by name: ${name}`);
    }
    return 0;
  });
}

export const rules = withDns(async ({ api, flags, output }) => {
  const { domains } = await api.call("/api/domains", { schema: v.looseObject({ domains: v.array(RuleSchema) }) });
  return show({ flags, output }, domains, () =>
    columns(
      ["What", "Kind", "Name", "Enabled", "Comment"],
      domains.map(({ type, kind, domain, enabled, comment }) => [type, kind, domain, String(enabled), comment ?? "-"]),
    ),
  );
});

const SearchSchema = v.looseObject({
  search: v.looseObject({
    domains: v.array(RuleSchema),
    gravity: v.array(
      v.looseObject({ domain: v.string(), address: v.string(), type: v.string(), enabled: v.boolean() }),
    ),
  }),
});

/** Whoever allows, wins. Groups and schedules may say otherwise for single clients. */
export const testName = withDns(async ({ api, flags, output, operands }) => {
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) throw new UsageError("name one");
  const schema = v.looseObject({ blocking: v.string() });
  const { blocking } = await api.call("/api/dns/blocking", { schema });
  const { search } = await api.call(`/api/search/${encodeURIComponent(name)}`, { schema: SearchSchema });
  if (search.domains.length + search.gravity.length === 0 && name.includes("/"))
    throw new CodedError("dns_name", `${JSON.stringify(name)} is no name`);
  const live = [
    ...search.domains.map(({ type, enabled, domain, kind }) => ({
      type,
      enabled,
      what: `${kind} rule`,
      where: domain,
    })),
    ...search.gravity.map(({ type, enabled, domain, address }) => ({
      type,
      enabled,
      what: `list, ${domain}`,
      where: address,
    })),
  ];
  const active = live.filter(({ enabled }) => enabled);
  const isAllowed = active.some(({ type }) => type === "allow");
  const isBlocked = !isAllowed && active.length > 0;
  const verdict =
    isAllowed && active.some(({ type }) => type !== "allow") ? "allowed, although lists block it" : "allowed";
  await show({ flags, output }, { name, blocked: isBlocked, blocking, ...search }, () => [
    `${name}: ${isBlocked ? "blocked" : verdict}${blocking === "enabled" ? "" : " (blocking is off just now)"}`,
    ...(live.length === 0
      ? []
      : columns(
          ["Says", "What", "Where"],
          live.map(({ type, what, where, enabled }) => [enabled ? type : `${type} (off)`, what, where]),
        )),
  ]);
  return isBlocked ? 1 : 0;
});
