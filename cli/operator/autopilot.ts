import * as v from "valibot";
import { flag, integer, list, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";

const PATH = "/v1/operator/autopilot/configuration";
/** https://developer.hashicorp.com/nomad/api-docs/operator/autopilot */
const ConfigurationSchema = v.looseObject({
  CleanupDeadServers: flag,
  LastContactThreshold: text,
  MaxTrailingLogs: integer,
  MinQuorum: integer,
  ServerStabilizationTime: text,
});
const HealthSchema = v.looseObject({
  Healthy: flag,
  FailureTolerance: integer,
  Servers: list(
    v.looseObject({ ID: text, Name: text, Address: text, SerfStatus: text, Leader: flag, Healthy: flag, Voter: flag }),
  ),
});

export const getConfiguration = withNomad(async (session) => {
  const set = await read(session);
  return show(session, set, () =>
    properties([
      ["CleanupDeadServers", String(set.CleanupDeadServers)],
      ["LastContactThreshold", set.LastContactThreshold],
      ["MaxTrailingLogs", String(set.MaxTrailingLogs)],
      ["MinQuorum", String(set.MinQuorum)],
      ["ServerStabilizationTime", set.ServerStabilizationTime],
    ]),
  );
});

export const setConfiguration = withNomad(async (session) => {
  const { nomad, flags, output } = session;
  const cleanup = flags.value("cleanup-dead-servers");
  if (cleanup !== undefined && !["true", "false"].includes(cleanup)) {
    throw new UsageError(`-cleanup-dead-servers takes true or false, not "${cleanup}"`);
  }
  const text = {
    "last-contact-threshold": "LastContactThreshold",
    "server-stabilization-time": "ServerStabilizationTime",
  };
  const counts = { "max-trailing-logs": "MaxTrailingLogs", "min-quorum": "MinQuorum" };
  const given = (names: Readonly<Record<string, string>>) =>
    Object.entries(names).flatMap(([name, field]) => {
      const value = flags.value(name);
      return value === undefined ? [] : [[field, value] as const];
    });
  const body = {
    ...(await read(session)),
    ...(cleanup === undefined ? {} : { CleanupDeadServers: cleanup === "true" }),
    ...Object.fromEntries(given(text)),
    ...Object.fromEntries(given(counts).map(([field, value]) => [field, countOf(value)])),
  };
  valueOf(await nomad.call({ method: "PUT", path: PATH, body, schema: v.unknown() }));
  output.line("Configuration updated!");
  return 0;
});

export const health = withNomad(async (session) => {
  const answer = valueOf(await session.nomad.call({ path: "/v1/operator/autopilot/health", schema: HealthSchema }));
  const code = answer.Healthy ? 0 : 1;
  await show(session, answer, () => [
    ...properties([
      ["Healthy", String(answer.Healthy)],
      ["FailureTolerance", String(answer.FailureTolerance)],
    ]),
    "",
    ...columns(
      ["Name", "ID", "Address", "Status", "Leader", "Voter", "Healthy"],
      answer.Servers.map((one) => [
        one.Name,
        one.ID,
        one.Address,
        one.SerfStatus,
        String(one.Leader),
        String(one.Voter),
        String(one.Healthy),
      ]),
    ),
  ]);
  return code;
});

function countOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`expected a whole number, found "${text}"`);
  return Number(text);
}

async function read({ nomad }: NomadSession) {
  return valueOf(await nomad.call({ path: PATH, schema: ConfigurationSchema }));
}
