import { NOMAD_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command, Flag } from "../command/command.ts";

const RECIPE: Readonly<Record<string, Flag>> = {
  target: value("NAME", "What machines it is for; default: amd64"),
  flavour: value("NAME", "What it holds beside the least; default: minimal"),
  json: on("Print JSON"),
};

export const OS_COMMANDS: readonly Command[] = [
  {
    name: "os build",
    summary: "Build the firmware: disk images and the update bundle (Debian, as root)",
    operands: "[FILE]",
    flags: {
      ...RECIPE,
      only: values(
        "KINDS",
        "raw, qcow2, vmdk, ova, vagrant, iso, pxe, oci, bundle, spdx, packages, imager, channel; default: all",
      ),
      output: value("FOLDER", "Where the files go; default: dist/images"),
      url: value("URL", "Where the files will be had, for Raspberry Pi Imager's entry"),
      channel: value("NAME", "The file NAME.json names this update; default: stable"),
      cache: value("FOLDER", "Where packages and the tree are kept; default: dist/os"),
      executable: value("FILE", "The agent; default: what `npm run build` left in dist/"),
      key: value("FILE", "Private key (PEM) that signs updates; default: one made for this cache"),
      certificate: value("FILE", "Its certificate (PEM), which the image believes"),
      compression: value("LEVEL", "Of the slot, 1 to 22; default: 19"),
      "update-lock": on(
        "Take the newest packages, and write them to the lock; where they differ the version counts on: 0.1.0.1",
      ),
      "if-changed": on(
        "As -update-lock, but build nothing when no package is newer than the lock's and files of this version are there",
      ),
    },
    load: async () => (await import("./build.ts")).osBuild,
  },
  {
    name: "os lint",
    summary: "Check the firmware's recipe",
    operands: "[FILE]",
    flags: RECIPE,
    load: async () => (await import("./lint.ts")).osLint,
  },
  {
    name: "os status",
    summary: "Show this machine's slots, its last update and its troubles (exit code 1: there are some)",
    operands: "",
    flags: { json: on("Print JSON") },
    load: async () => (await import("./status.ts")).osStatus,
  },
  {
    name: "os update",
    summary: "Write an update into the slot that is not running",
    operands: "FILE|URL|CHANNEL.json",
    flags: {
      reboot: on("Start it at once"),
      agent: on("Only the agent, in place: no restart of the machine, tasks go on"),
      older: on("Also when it is older than what runs"),
      flavour: value("NAME", "What the machine is to hold from then on: minimal, docker, full; default: what it holds"),
      json: on("Print JSON"),
    },
    load: async () => (await import("./update.ts")).osUpdate,
  },
  {
    name: "os rollout",
    summary:
      "Update the firmware of all nodes, one after the other; without an operand: how that stands (exit code 1: failed)",
    operands: "[URL|CHANNEL.json]",
    flags: {
      ...NOMAD_FLAGS,
      window: value(
        "TIMES",
        'When nodes may restart: "02:00-05:00", "Sat,Sun 22:00-04:00 Europe/Berlin"; default: at once',
      ),
      node: values("NAME", "Only this node; may be given more than once"),
      older: on("Also when it is older than what runs"),
      stop: on("Begin no further node"),
      follow: on("Print each change until it is over"),
      detach: on("Do not wait for the end"),
    },
    load: async () => (await import("./rollout.ts")).osRollout,
  },
  {
    name: "os rollback",
    summary: "Let the next start be the other slot",
    operands: "",
    flags: { reboot: on("Start it at once"), json: on("Print JSON") },
    load: async () => (await import("./update.ts")).osRollback,
  },
  {
    name: "os check",
    summary: "Check that this machine, or a tree, is as its checks say (exit code 1: it is not)",
    operands: "[FILE…]",
    flags: {
      root: value("FOLDER", "A tree instead of this machine; what it cannot tell is passed over"),
      json: on("Print JSON"),
      quiet: on("Print what failed, and nothing else"),
    },
    load: async () => (await import("./check.ts")).osCheck,
  },
  {
    name: "os wear",
    summary: "Show how much was written to the disk, and what it says of its age (exit code 1: it is read-only)",
    operands: "",
    flags: { json: on("Print JSON") },
    load: async () => (await import("./wear.ts")).osWear,
  },
  {
    name: "os log",
    summary: "Show the warnings that are kept of this and earlier starts",
    operands: "",
    flags: {},
    load: async () => (await import("./log.ts")).osLog,
  },
  {
    name: "os reset",
    summary: "Forget everything at the next start, as new; with -data only what the agent keeps",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      data: on("Keep the machine's settings: name, keys, addresses"),
      node: value("NAME|ID", "Another machine, by its agent, which starts it again at once"),
      reboot: on("Start again at once"),
      yes: on("Do not ask"),
    },
    load: async () => (await import("./reset.ts")).osReset,
  },
  {
    name: "os first-boot",
    summary: "What follows a start with a seed file: it is taken, once",
    operands: "",
    flags: {},
    hidden: true,
    load: async () => (await import("./first-boot.ts")).firstBoot,
  },
  {
    name: "os become-member",
    summary: "What a new node does once: it founds a cluster or joins one",
    operands: "",
    flags: {},
    hidden: true,
    load: async () => (await import("./become-member.ts")).becomeMember,
  },
  {
    name: "os stick",
    summary: "What follows a stick: an update on it is taken",
    operands: "DEVICE",
    flags: {},
    hidden: true,
    load: async () => (await import("./stick.ts")).osStick,
  },
  {
    name: "os confirm",
    summary: "What follows each start: it is confirmed, or the other slot is started",
    operands: "",
    flags: {},
    hidden: true,
    load: async () => (await import("./confirm.ts")).confirm,
  },
];
