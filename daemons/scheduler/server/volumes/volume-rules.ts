import { compileConstraint } from "#base/language/constraint.ts";
import { VOLUME_ACCESS_MODES, VOLUME_ATTACHMENT_MODES, type HostVolume } from "#base/protocol/host-volume.ts";

const NAME = /^[\w.[\]-]{1,128}$/;
const PLUGIN = /^[A-Za-z0-9][\w.-]{0,127}$/;
const MAX_PARAMETERS = 64;
const LONGEST_PARAMETER = 4096;

/** What is wrong with a volume that somebody asks for; undefined: nothing. */
export function volumeProblem(volume: HostVolume): string | undefined {
  return nameProblem(volume) ?? capabilityProblem(volume) ?? capacityProblem(volume) ?? parameterProblem(volume);
}

function nameProblem({ Name, PluginID, HostPath, Constraints }: HostVolume): string | undefined {
  if (!NAME.test(Name))
    return `name ${JSON.stringify(Name)}: expected up to 128 letters, digits and "_.-[]", as a job's volume source names it`;
  if (HostPath === "" && !PLUGIN.test(PluginID)) return `plugin_id ${JSON.stringify(PluginID)} is no plugin's name`;
  for (const { Operand, RTarget } of Constraints) {
    const compiled = compileConstraint(Operand, RTarget);
    if (!compiled.ok) return `constraint: ${compiled.error.message}`;
  }
  return undefined;
}

function capabilityProblem({ RequestedCapabilities }: HostVolume): string | undefined {
  if (RequestedCapabilities.length === 0) return "capability: at least one is needed";
  const modes: readonly string[] = VOLUME_ACCESS_MODES;
  const attachments: readonly string[] = VOLUME_ATTACHMENT_MODES;
  for (const { AccessMode, AttachmentMode } of RequestedCapabilities) {
    if (!modes.includes(AccessMode))
      return `capability: access_mode ${JSON.stringify(AccessMode)}: expected one of ${modes.join(", ")}`;
    if (!attachments.includes(AttachmentMode))
      return `capability: attachment_mode ${JSON.stringify(AttachmentMode)}: expected one of ${attachments.join(", ")}`;
  }
  return undefined;
}

function capacityProblem(volume: HostVolume): string | undefined {
  const { RequestedCapacityMinBytes: min, RequestedCapacityMaxBytes: max, CapacityBytes } = volume;
  if (min < 0 || max < 0 || CapacityBytes < 0) return "capacity: expected no negative size";
  if (max > 0 && max < min) return `capacity_max (${max}) is less than capacity_min (${min})`;
  return undefined;
}

function parameterProblem({ Parameters }: HostVolume): string | undefined {
  const all = Object.entries(Parameters);
  if (all.length > MAX_PARAMETERS) return `parameters: at most ${MAX_PARAMETERS} are possible`;
  const long = all.find(([key, value]) => key.length + value.length > LONGEST_PARAMETER);
  return long === undefined
    ? undefined
    : `parameter ${JSON.stringify(long[0])}: at most ${LONGEST_PARAMETER} characters`;
}

/** What an existing volume cannot become. */
export function changeProblem(before: HostVolume, wanted: HostVolume): string | undefined {
  for (const field of ["Namespace", "Name", "PluginID", "NodeID", "NodePool", "HostPath"] as const) {
    const [old, now] = [before[field], wanted[field]];
    if (now !== "" && now !== old)
      return `${field} of a volume cannot be changed from ${JSON.stringify(old)} to ${JSON.stringify(now)}`;
  }
  const max = wanted.RequestedCapacityMaxBytes;
  return max > 0 && max < before.RequestedCapacityMinBytes
    ? `capacity_max (${max}) is less than what was asked for before (${before.RequestedCapacityMinBytes}): volumes only grow`
    : undefined;
}
