import type { GuestNetwork } from "./guest-network.ts";

/** A disk as the guest gets it. */
export interface GuestDisk {
  readonly path: string;
  /** Always said, never guessed: a guest could write another format's header into its raw disk. */
  readonly format: string;
  readonly interface: string;
  readonly isReadOnly: boolean;
  readonly isCdrom: boolean;
  /** By which the guest finds it in /dev/disk/by-id; empty: none. */
  readonly serial: string;
}

/** A device of the node in the guest: as it is plugged in, or as one more serial port. */
export type GuestDevice =
  | { readonly kind: "usb"; readonly bus: number; readonly device: number }
  | { readonly kind: "serial"; readonly path: string };

export interface GuestScreen {
  readonly address: string;
  readonly port: number;
  readonly hasPassword: boolean;
}

/** Everything of a guest, resolved: what {@link commandLine} turns into QEMU's words. */
export interface Machine {
  readonly program: string;
  readonly architecture: string;
  readonly name: string;
  readonly uuid: string;
  readonly type: string;
  readonly accelerator: "kvm" | "tcg";
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryMB: number;
  /** Boots this and no disk. */
  readonly kernel: { readonly path: string; readonly initrd: string; readonly append: string } | undefined;
  /** UEFI: its code, and the variables of this guest. Undefined: the machine's own. */
  readonly firmware: { readonly code: string; readonly variables: string } | undefined;
  readonly disks: readonly GuestDisk[];
  readonly devices: readonly GuestDevice[];
  readonly network: GuestNetwork;
  /** Undefined: none, and nothing listens. */
  readonly screen: GuestScreen | undefined;
  readonly hasAgent: boolean;
  /** The filter for system calls. */
  readonly isConfined: boolean;
  /** Goes on where a snapshot of this name was made; empty: boots. */
  readonly resume: string;
  readonly args: readonly string[];
}
