import { silentLog } from "#base/env/log.ts";
import type { RemoteMember } from "#daemons/discovery/gossip/codec/message.ts";
import { Wire } from "#daemons/discovery/gossip/codec/wire.ts";
import type { Input, Output } from "#daemons/discovery/gossip/core/exchange.ts";
import { Swim } from "#daemons/discovery/gossip/core/swim.ts";
import type { MemberEvent } from "#daemons/discovery/gossip/delegate.ts";
import type { GossipSettings } from "#daemons/discovery/gossip/presets.ts";
import type { Prng } from "../prng.ts";

export const SIM_PORT = 7946;
const NO_BYTES = new Uint8Array(0);
const SERF_VERSIONS = [2, 5, 4] as const;

export interface SimNodeOptions {
  /** Of the machine, which a new life of the same name may leave. */
  readonly machine: number;
  readonly name: string;
  readonly settings: GossipSettings;
  readonly random: Prng;
  readonly onEvent: (node: SimNode, event: MemberEvent) => void;
}

/** One life of one node. */
export class SimNode {
  readonly name: string;
  readonly machine: number;
  readonly host: string;
  readonly wire: Wire;
  readonly swim: Swim;
  up = true;
  paused = false;
  /** When the heap will wake it. */
  wakesMs = Infinity;

  constructor({ machine, name, settings, random, onEvent }: SimNodeOptions) {
    this.name = name;
    this.machine = machine;
    const address = addressOfMachine(machine);
    this.host = address.join(".");
    const { compress, verifyIncoming, verifyOutgoing } = settings;
    this.wire = new Wire({ label: "", keyring: undefined, compress, verifyIncoming, verifyOutgoing, random });
    this.swim = new Swim({
      name,
      address,
      port: SIM_PORT,
      settings,
      delegateVersions: SERF_VERSIONS,
      wire: this.wire,
      random,
      log: silentLog,
      delegate: {
        nodeMeta: () => NO_BYTES,
        onUserMessage: () => {},
        nextBroadcasts: () => [],
        localState: () => NO_BYTES,
        mergeRemoteState: () => {},
        ackPayload: () => NO_BYTES,
        onPing: () => {},
        onMember: (event) => onEvent(this, event),
        onConflict: () => {},
      },
    });
  }

  step(input: Input, nowMs: number): readonly Output[] {
    return this.swim.step(input, nowMs);
  }

  /** As others know it from the start. */
  remembered(): RemoteMember {
    const address = addressOfMachine(this.machine);
    const versions = Uint8Array.of(1, 5, 2, ...SERF_VERSIONS);
    return { name: this.name, address, port: SIM_PORT, meta: NO_BYTES, incarnation: 1, state: 0, versions };
  }
}

function addressOfMachine(machine: number): Uint8Array {
  return Uint8Array.of(10, (machine >> 16) & 0xff, (machine >> 8) & 0xff, machine & 0xff);
}
