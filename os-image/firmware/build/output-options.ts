import type { Exec } from "#base/env/exec.ts";
import type { Build } from "../recipe/recipe.ts";
import type { Built } from "./build.ts";

export const OUTPUTS = [
  "raw",
  "qcow2",
  "vmdk",
  "ova",
  "vagrant",
  "iso",
  "pxe",
  "oci",
  "bundle",
  "spdx",
  "packages",
  "imager",
  "channel",
] as const;
export type OutputKind = (typeof OUTPUTS)[number];

/** What virtual machines of PCs take, what starts by UEFI, and what single boards are flashed with. */
const NOT_FOR: Readonly<Record<string, readonly OutputKind[]>> = {
  "amd64 grub": [],
  "arm64 grub": ["vmdk", "ova", "vagrant", "imager"],
  "arm64 u-boot": ["qcow2", "vmdk", "ova", "vagrant", "iso", "pxe"],
};

/** What can be made of a target. */
export function outputsOf({ target }: Build): readonly OutputKind[] {
  const without = NOT_FOR[`${target.architecture} ${target.bootloader}`] ?? [];
  return OUTPUTS.filter((kind) => !without.includes(kind));
}

/** PEM files: who signs updates. The certificate is what images believe. */
export interface SigningKey {
  readonly key: string;
  readonly certificate: string;
}

export interface OutputOptions {
  readonly exec: Exec;
  readonly build: Build;
  readonly built: Built;
  readonly folder: string;
  readonly kinds: readonly OutputKind[];
  readonly signing: SigningKey;
  /** Where the files will be had, with a slash at its end; empty: beside whoever names them. */
  readonly baseUrl: string;
  /** Name of the channel's file, without its ending. */
  readonly channel: string;
  readonly onProgress: (message: string) => void;
}
