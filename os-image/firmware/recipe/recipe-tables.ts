import * as v from "valibot";
import { integer, text, texts } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { layer, LayerSchema } from "../../oci/recipe-tables.ts";

const role: BlockTable = {
  name: "role",
  attributes: {
    ...layer.attributes,
    enable: to("enable", texts),
    mask: to("mask", texts),
    default: to("default", text),
    modules: to("modules", texts),
    initrd: to("initrd", texts),
    busybox: to("busybox", texts),
  },
  blocks: layer.blocks,
};

const source: BlockTable = {
  name: "source",
  attributes: {
    uri: to("uri", text),
    suites: to("suites", texts),
    components: to("components", texts),
    keyring: to("keyring", text),
    targets: to("targets", texts),
  },
  blocks: {},
};

const disk: BlockTable = {
  name: "disk",
  attributes: { boot: to("boot", integer), kernel: to("kernel", integer), slot: to("slot", integer) },
  blocks: {},
};

const target: BlockTable = {
  name: "target",
  attributes: {
    architecture: to("architecture", text),
    kernel: to("kernel", text),
    bootloader: to("bootloader", text),
    boot_packages: to("bootPackages", texts),
    executable: to("executable", text),
    consoles: to("consoles", texts),
    roles: to("roles", texts),
  },
  blocks: { disk: nestedBlock("disk", disk) },
};

const flavour: BlockTable = { name: "flavour", attributes: { roles: to("roles", texts) }, blocks: {} };

const postProcessor: BlockTable = {
  name: "post_processor",
  attributes: { only: to("only", texts), command: to("command", texts), adds: to("adds", text) },
  blocks: {},
};

const system: BlockTable = {
  name: "system",
  attributes: { roles: to("roles", texts), tools: to("tools", text) },
  blocks: {
    source: nestedBlock("sources", source, { many: "list", label: "name" }),
    flavour: nestedBlock("flavours", flavour, { many: "list", label: "name" }),
    target: nestedBlock("targets", target, { many: "list", label: "name" }),
    disk: nestedBlock("disk", disk),
    post_processor: nestedBlock("postProcessors", postProcessor, { many: "list", label: "name" }),
  },
};

/** `NAME.os.hcl`: what a firmware is made of. */
export const systemFile: BlockTable = {
  name: "a system file",
  attributes: {},
  blocks: { system: nestedBlock("systems", system, { many: "list", label: "name" }) },
};

/** `NAME.role.hcl`: one part of it. */
export const roleFile: BlockTable = {
  name: "a role file",
  attributes: {},
  blocks: { role: nestedBlock("roles", role, { many: "list", label: "name" }) },
};

const names = v.optional(v.array(v.string()), []);
const mebibytes = (least: number) => v.pipe(v.number(), v.minValue(least), v.maxValue(16_384));
const sizes = { boot: mebibytes(33), kernel: mebibytes(16), slot: mebibytes(128) };

export const RoleSchema = v.object({
  ...LayerSchema.entries,
  enable: names,
  mask: names,
  default: v.optional(v.string()),
  modules: names,
  initrd: names,
  busybox: names,
});

export const SystemSchema = v.object({
  name: v.string(),
  roles: names,
  tools: v.string(),
  sources: v.array(
    v.object({
      name: v.string(),
      uri: v.string(),
      suites: v.array(v.string()),
      components: v.array(v.string()),
      keyring: v.optional(v.string(), "/usr/share/keyrings/debian-archive-keyring.gpg"),
      targets: names,
    }),
  ),
  flavours: v.optional(v.array(v.object({ name: v.string(), roles: names })), []),
  targets: v.array(
    v.object({
      name: v.string(),
      architecture: v.picklist(["amd64", "arm64"]),
      kernel: v.string(),
      bootloader: v.picklist(["grub", "u-boot"]),
      bootPackages: names,
      executable: v.string(),
      consoles: names,
      roles: names,
      disk: v.optional(v.partial(v.object(sizes)), {}),
    }),
  ),
  disk: v.object(sizes),
  postProcessors: v.optional(
    v.array(v.object({ name: v.string(), only: names, command: names, adds: v.optional(v.string(), "") })),
    [],
  ),
});
