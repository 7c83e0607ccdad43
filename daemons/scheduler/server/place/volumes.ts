import type { Node, NodeVolume } from "#base/protocol/node.ts";

/** A host volume by name; `write`: some task may change it; `perAlloc`: each instance has one of its own. */
export interface VolumeAsk {
  readonly source: string;
  readonly write: boolean;
  readonly perAlloc: boolean;
  /** Each instance keeps to the one it had first. */
  readonly sticky: boolean;
  /** Empty: whatever the volume allows. */
  readonly accessMode: string;
  readonly attachmentMode: string;
  readonly namespace: string;
}

/** What nodes are left out for when they do not offer a volume. */
export const MISSING_VOLUMES = "missing compatible host volumes";

const ONE_WRITER = "single-node-single-writer";
const READERS_ONLY = "single-node-reader-only";

/** Which instance of a group is to be placed, and what it is bound to. */
export interface VolumeInstance {
  readonly index: number;
  readonly claims: VolumeClaims;
}

/** The volumes that instances of a group keep to (`sticky`), by {@link claimKey}. */
export type VolumeClaims = ReadonlyMap<string, string>;

export function claimKey(index: number, source: string): string {
  return `${index}/${source}`;
}

/** The volume of one instance: `per_alloc` numbers them. https://developer.hashicorp.com/nomad/docs/job-specification/volume */
export function volumeOfIndex(source: string, index: number): string {
  return `${source}[${index}]`;
}

/** Whether a node offers what every instance asks for and, of volumes that each instance has its own of, any. */
export function hasVolumes(node: Node, asks: readonly VolumeAsk[]): boolean {
  return asks.every((ask) => {
    if (!ask.perAlloc) return offers(node, ask.source, ask);
    return Object.keys(node.HostVolumes).some((name) => isOneOf(name, ask.source) && offers(node, name, ask));
  });
}

/** Whether a node offers the volumes of this very instance: by its number, and those that it keeps to. */
export function hasOwnVolumes(node: Node, asks: readonly VolumeAsk[], { index, claims }: VolumeInstance): boolean {
  return asks.every((ask) => {
    if (ask.perAlloc && !offers(node, nameFor(ask, index), ask)) return false;
    const claimed = ask.sticky ? claims.get(claimKey(index, ask.source)) : undefined;
    return claimed === undefined || node.HostVolumes[nameFor(ask, index)]?.Dynamic?.ID === claimed;
  });
}

/** The volume of an instance on a node. */
export function nameFor({ source, perAlloc }: VolumeAsk, index: number): string {
  return perAlloc ? volumeOfIndex(source, Math.max(0, index)) : source;
}

/** How writers of volumes that have one writer at a time are known among what is in use on a node. */
export function writerKey(name: string): string {
  return `volume/${name}`;
}

/** The volumes of a node that an instance would be the one writer of. */
export function soleVolumes(node: Node | undefined, asks: readonly VolumeAsk[], index: number): string[] {
  return asks.flatMap((ask) => {
    const name = nameFor(ask, index);
    const volume = node?.HostVolumes[name]?.Dynamic;
    if (volume === undefined || !ask.write) return [];
    const mode = ask.accessMode === "" ? (volume.Capabilities[0]?.AccessMode ?? "") : ask.accessMode;
    return mode === ONE_WRITER ? [name] : [];
  });
}

function isOneOf(name: string, source: string): boolean {
  return name.startsWith(`${source}[`) && /^\d+\]$/.test(name.slice(source.length + 1));
}

function offers(node: Node, name: string, ask: VolumeAsk): boolean {
  const volume = node.HostVolumes[name];
  if (volume === undefined || (ask.write && volume.ReadOnly)) return false;
  return volume.Dynamic === undefined ? !ask.sticky : suits(volume.Dynamic, ask);
}

/** https://developer.hashicorp.com/nomad/docs/other-specifications/volume/host#capability-parameters */
function suits({ Namespace, Capabilities }: NonNullable<NodeVolume["Dynamic"]>, ask: VolumeAsk): boolean {
  if (Namespace !== ask.namespace) return false;
  return Capabilities.some(
    ({ AccessMode, AttachmentMode }) =>
      (ask.accessMode === "" || ask.accessMode === AccessMode) &&
      (ask.attachmentMode === "" || ask.attachmentMode === AttachmentMode) &&
      !(ask.write && AccessMode === READERS_ONLY),
  );
}
