import * as v from "valibot";
import { flag, integer, list as listOf, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import { withNomad } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { shortId } from "../print/time.ts";

/** https://developer.hashicorp.com/nomad/api-docs/volumes */
const VolumeSchema = v.object({
  ID: text,
  Name: text,
  Namespace: text,
  NodeID: text,
  NodePool: text,
  PluginID: text,
  HostPath: text,
  ReadOnly: flag,
  CapacityBytes: integer,
  State: text,
  CreateIndex: integer,
  ModifyIndex: integer,
});

/** All volumes that nodes offer, or one by its id or name. */
export const status = withNomad(async (session) => {
  const { nomad, flags, operands, namespace } = session;
  const [typed] = operands;
  const type = flags.value("type") ?? "host";
  const query = { type, namespace, node_id: flags.value("node"), node_pool: flags.value("node-pool") };
  const all = valueOf(await nomad.call({ path: "/v1/volumes", query, schema: v.array(VolumeSchema) }));
  if (typed === undefined) {
    return show(session, all, () =>
      all.length === 0
        ? [`No ${type} volumes`]
        : columns(
            ["ID", "Name", "Node ID", "Node Pool", "State"],
            all.map((one) => [
              flags.on("verbose") ? one.ID : shortId(one.ID),
              one.Name,
              shortId(one.NodeID),
              one.NodePool,
              one.State,
            ]),
          ),
    );
  }
  const named = all.filter(({ Name }) => Name === typed);
  const what = { kind: "volume", idOf: ({ ID }: { readonly ID: string }) => ID, list: "lares volume status" };
  const one = named[0] !== undefined && named.length === 1 ? named[0] : oneByPrefix(all, typed, what);
  return show(session, one, () =>
    properties([
      ["ID", one.ID],
      ["Name", one.Name],
      ["Namespace", one.Namespace],
      ["Node ID", one.NodeID],
      ["Node Pool", one.NodePool],
      ["Host Path", one.HostPath],
      ["Read Only", String(one.ReadOnly)],
      ["State", one.State],
    ]),
  );
});

/** CSI plugins. */
export const plugins = withNomad(async (session) => {
  const schema = v.array(v.object({ ID: text, Provider: text, Version: text }));
  const all = valueOf(await session.nomad.call({ path: "/v1/plugins", query: { type: "csi" }, schema }));
  return show(session, all, () =>
    all.length === 0
      ? ["No CSI plugins"]
      : columns(
          ["ID", "Provider", "Version"],
          all.map((one) => [one.ID, one.Provider, one.Version]),
        ),
  );
});

/** Who uses claims of volumes. */
export const claims = withNomad(async (session) => {
  const schema = v.array(
    v.object({ ID: text, JobID: text, TaskGroupName: text, VolumeName: text, Names: listOf(text) }),
  );
  const all = valueOf(await session.nomad.call({ path: "/v1/volumes/claims", schema }));
  return show(session, all, () =>
    all.length === 0
      ? ["No volume claims"]
      : columns(
          ["ID", "Job", "Task Group", "Volume"],
          all.map((one) => [one.ID, one.JobID, one.TaskGroupName, one.VolumeName]),
        ),
  );
});
