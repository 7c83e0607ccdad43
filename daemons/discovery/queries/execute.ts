import { shuffle, type Random } from "#base/env/random.ts";
import type { PreparedQuery } from "#base/protocol/prepared-query.ts";
import type { View } from "#base/state/table.ts";
import { worstStatus } from "../checks/threshold.ts";
import type { Coordinates } from "../catalog/coordinates.ts";
import { instancesByDnsName, type Instance } from "../catalog/instances.ts";

export interface ExecuteDeps {
  readonly view: View;
  readonly random: Random;
  readonly coordinates: Pick<Coordinates, "nearest">;
}

/** The instances a query answers with now, in the order they are to be used. */
export function executeQuery(
  { view, random, coordinates }: ExecuteDeps,
  { Service: wanted }: PreparedQuery,
  { near, limit }: { readonly near: string; readonly limit: number },
): readonly Instance[] {
  const chosen = instancesByDnsName(view, wanted.Service.toLowerCase())
    .map((instance) => withoutIgnored(instance, wanted.IgnoreCheckIDs))
    .filter((instance) => {
      if (instance.status === "critical" || (wanted.OnlyPassing && instance.status !== "passing")) return false;
      const { service, node } = instance;
      return (
        hasTags(service.value.Tags, wanted.Tags) &&
        hasAll(node.value.Meta, wanted.NodeMeta) &&
        hasAll(service.value.Meta, wanted.ServiceMeta)
      );
    });
  const shuffled = shuffle(random, [...chosen]);
  const ordered = near === "" ? shuffled : coordinates.nearest(shuffled, near, ({ node }) => node.value.Node);
  return limit > 0 ? ordered.slice(0, limit) : ordered;
}

function withoutIgnored(instance: Instance, ignored: readonly string[]): Instance {
  if (ignored.length === 0) return instance;
  const counted = instance.checks.filter((check) => !ignored.includes(check.value.CheckID));
  return { ...instance, status: worstStatus(counted.map((check) => check.value.Status)) };
}

function hasTags(own: readonly string[], wanted: readonly string[]): boolean {
  const lower = own.map((tag) => tag.toLowerCase());
  return wanted.every((tag) =>
    tag.startsWith("!") ? !lower.includes(tag.slice(1).toLowerCase()) : lower.includes(tag.toLowerCase()),
  );
}

function hasAll(own: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => own[key] === value);
}
