import type { HostVolume } from "#base/protocol/host-volume.ts";
import type { Node } from "#base/protocol/node.ts";
import { remove } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import type { Row } from "#base/state/table.ts";
import { hostVolumes, volumeClaims } from "#base/state/tables.ts";
import type { ServerContext } from "../server-context.ts";

/** The deletes that go with a volume. */
export function forgetVolume(
  { state }: Pick<ServerContext, "state">,
  row: Pick<Row<HostVolume>, "namespace" | "id">,
): Op[] {
  const claims = [...state.view.table(volumeClaims).by("volume", row.id)];
  return [
    remove(hostVolumes, row.namespace, row.id),
    ...claims.map(({ namespace, id }) => remove(volumeClaims, namespace, id)),
  ];
}

/** What a node says that it has deleted, as it was asked to, is forgotten. */
export function settledVolumes(context: Pick<ServerContext, "state">, node: Pick<Node, "ID" | "HostVolumeNews">): Op[] {
  if (node.HostVolumeNews === undefined) return [];
  const { HostVolumeNews: news } = node;
  return [...context.state.view.table(hostVolumes).by("node", node.ID)].flatMap((row) => {
    const told = news[row.id];
    const isGone = row.value.Deleting && told?.State === "deleted" && told.Revision === row.value.Revision;
    return isGone ? forgetVolume(context, row) : [];
  });
}
