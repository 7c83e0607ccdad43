import * as v from "valibot";
import { flag, integer, list as listOf, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { shortId } from "../print/time.ts";

/** https://developer.hashicorp.com/nomad/api-docs/volumes */
export const VolumeSchema = v.object({
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
  Error: text,
  RequestedCapabilities: listOf(v.object({ AccessMode: text, AttachmentMode: text })),
  Allocations: listOf(v.object({ ID: text, JobID: text, ClientStatus: text })),
  CreateIndex: integer,
  ModifyIndex: integer,
});
export type Volume = v.InferOutput<typeof VolumeSchema>;

/** The volume that the operand names, by its name or the beginning of its id. */
export async function findVolume({ nomad, operands, flags, namespace }: NomadSession): Promise<Volume> {
  const [typed] = operands;
  if (typed === undefined) throw new UsageError("name a volume: volume status shows them");
  const query = { type: "host", namespace: namespace ?? "*", node_id: flags.value("node") };
  const all = valueOf(await nomad.call({ path: "/v1/volumes", query, schema: v.array(VolumeSchema) }));
  const named = all.filter(({ Name }) => Name === typed);
  const what = { kind: "volume", idOf: ({ ID }: { readonly ID: string }) => ID, list: "lares volume status" };
  return named[0] !== undefined && named.length === 1 ? named[0] : oneByPrefix(all, typed, what);
}

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
  const { ID } = await findVolume(session);
  const one = valueOf(await nomad.call({ path: `/v1/volume/host/${ID}`, schema: VolumeSchema }));
  const modes = one.RequestedCapabilities.map(({ AccessMode, AttachmentMode }) => `${AccessMode} (${AttachmentMode})`);
  return show(session, one, () => [
    ...properties([
      ["ID", one.ID],
      ["Name", one.Name],
      ["Namespace", one.Namespace],
      ["Node ID", one.NodeID],
      ["Node Pool", one.NodePool],
      ["Host Path", one.HostPath],
      ["Read Only", String(one.ReadOnly)],
      ...(one.PluginID === "" ? [] : [["Plugin ID", one.PluginID] as const]),
      ...(one.CapacityBytes === 0 ? [] : [["Capacity", `${one.CapacityBytes} B`] as const]),
      ...(modes.length === 0 ? [] : [["Capabilities", modes.join(", ")] as const]),
      ["State", one.State],
      ...(one.Error === "" ? [] : [["Error", one.Error] as const]),
    ]),
    ...(one.Allocations.length === 0
      ? []
      : [
          "",
          ...columns(
            ["Allocation", "Job", "Status"],
            one.Allocations.map((alloc) => [shortId(alloc.ID), alloc.JobID, alloc.ClientStatus]),
          ),
        ]),
  ]);
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
  const { flags, namespace } = session;
  const query = {
    namespace,
    job_id: flags.value("job"),
    task_group: flags.value("group"),
    volume_name: flags.value("volume-name"),
  };
  const all = valueOf(await session.nomad.call({ path: "/v1/volumes/claims", query, schema }));
  return show(session, all, () =>
    all.length === 0
      ? ["No volume claims"]
      : columns(
          ["ID", "Job", "Task Group", "Volume"],
          all.map((one) => [one.ID, one.JobID, one.TaskGroupName, one.VolumeName]),
        ),
  );
});
