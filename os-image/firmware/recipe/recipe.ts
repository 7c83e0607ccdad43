import type { Layer } from "../../oci/recipe.ts";

/** A part of the firmware with a file of its own: a layer, and what only a whole system has. */
export interface Role extends Layer {
  /** Units started at boot, as their `[Install]` says. */
  readonly enable: readonly string[];
  /** Units that are never started. */
  readonly mask: readonly string[];
  /** The unit the system starts; at most one role says it. */
  readonly default: string | undefined;
  /** Kernel modules kept, as folders and files below the kernel's module folder; with them come those they need. */
  readonly modules: readonly string[];
  /** Names of modules the first program of the kernel has at hand. */
  readonly initrd: readonly string[];
  /** Commands that busybox stands in for. */
  readonly busybox: readonly string[];
}

/** Where packages come from: https://manpages.debian.org/trixie/apt/sources.list.5.en.html */
export interface Source {
  readonly name: string;
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly keyring: string;
  /** Targets that take packages from there; none named: all. */
  readonly targets: readonly string[];
}

export interface Target {
  readonly name: string;
  readonly architecture: "amd64" | "arm64";
  /** Package of the kernel; those it depends on hold it. */
  readonly kernel: string;
  readonly bootloader: "grub" | "u-boot";
  /** Packages whose files the boot partition is made of; the slot gets nothing of them. */
  readonly bootPackages: readonly string[];
  /** Name of the agent's executable in the build's folder. */
  readonly executable: string;
  /** As the kernel's `console=` takes them; the last is the first choice. */
  readonly consoles: readonly string[];
  readonly roles: readonly string[];
  /** Where it differs from the system's. */
  readonly disk: { readonly [K in keyof DiskSizes]?: DiskSizes[K] | undefined };
}

/** Sizes of partitions in MiB. The data partition is made at first boot, of what is left. */
export interface DiskSizes {
  readonly boot: number;
  readonly kernel: number;
  readonly slot: number;
}

export interface System {
  readonly name: string;
  readonly roles: readonly string[];
  /** The layer with the programs the build runs. */
  readonly tools: string;
  readonly sources: readonly Source[];
  readonly flavours: readonly { readonly name: string; readonly roles: readonly string[] }[];
  readonly targets: readonly Target[];
  readonly disk: DiskSizes;
  readonly postProcessors: readonly PostProcessor[];
}

/** A program of the building machine that gets each file that was made; those of one recipe follow each other. */
export interface PostProcessor {
  readonly name: string;
  /** Kinds of outputs; none named: all. */
  readonly only: readonly string[];
  /** `{file}` stands for the file. */
  readonly command: readonly string[];
  /** What is added to the file's name for what it makes; empty: it makes nothing. */
  readonly adds: string;
}

/** One thing to build: a target in a flavour, with all its roles read. */
export interface Build {
  readonly system: System;
  readonly target: Target;
  readonly flavour: string;
  /** Of this target. */
  readonly disk: DiskSizes;
  readonly roles: readonly Role[];
  readonly tools: Layer;
  /** Folder of the recipe's file. */
  readonly folder: string;
}
