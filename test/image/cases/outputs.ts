import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startPrivateDockerd } from "#cli/setup/private-dockerd.ts";
import { VERSION } from "#cli/version.ts";
import { shows, type Case, type Stage } from "../case.ts";
import type { Drive } from "../hardware.ts";
import { Machine, overlay } from "../machine.ts";
import { FIRMWARE_VERSION, output, needsOutput } from "../workbench.ts";

/** Writes come to the disk within 30 s (`commit` of the file system). */
const KEEPING_MS = 40_000;

export const outputCases: readonly Case[] = [
  { name: "start from the network by BIOS, with data on a disk", run: fromNetwork, needs: needsOutput("ipxe") },
  { name: "start from the network by UEFI, with nothing to write to", run: diskless, needs: needsOutput("ipxe") },
  { name: "virtual machine from qcow2", run: fromQcow2, needs: needsOutput("qcow2") },
  { name: "virtual machine from the OVA, with the hardware it names", run: fromOva, needs: needsOutput("ova") },
  { name: "virtual machine from the box, let in by Vagrant's key", run: fromBox, needs: needsVagrantKey },
  { name: "container from the root", run: container, needs: needsOutput("oci.tar") },
  { name: "what is published can be verified", run: published, needs: needsBmaptool },
];

/** As Debian's package has it, and as its makers' own. */
function vagrantKey(): string | undefined {
  const homes = ["/usr/share/rubygems-integration/all/gems", "/opt/vagrant/embedded/gems/gems"];
  return homes.flatMap((home) => globSync(`${home}/vagrant-[0-9]*/keys/vagrant`))[0];
}

function needsVagrantKey(): string | undefined {
  return vagrantKey() === undefined ? "vagrant, for the key that it comes with" : needsOutput("libvirt.box")();
}

function needsBmaptool(): string | undefined {
  return existsSync("/usr/bin/bmaptool") ? needsOutput("imager.json")() : "Debian's package bmap-tools";
}

const NETBOOT = { folder: dirname(output("ipxe")), file: basename(output("ipxe")) };

/** A person made the file system; what the machine keeps on it is there at its next start. */
async function fromNetwork({ bench, say }: Stage): Promise<void> {
  const data: Drive = { file: bench.emptyDisk("net-data.img", "1G"), format: "raw", by: "sata" };
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-F", "-L", "lares-data", data.file]);
  const machine = new Machine({ folder: bench.folder, name: "net", drives: [data], netboot: NETBOOT });
  const founded = /it looks for a cluster/;
  try {
    await machine.start();
    await machine.whenShown(/slot network, [\d.]+, data on disk/);
    say(`API after ${(await machine.whenApi()).toFixed(1)} s`);
    await machine.whenShown(/Lares [\d.]+ on lares-[0-9a-z]{4}, slot network/);
    shows(machine.transcript(), founded, "the console");
    await wait(KEEPING_MS);
    await machine.cut();
    await machine.start();
    say(`API after ${(await machine.whenApi()).toFixed(1)} s, the second time`);
    await machine.whenShown(/Lares [\d.]+ on lares-[0-9a-z]{4}, slot network/);
    assert.doesNotMatch(machine.transcript(), founded);
  } finally {
    await machine.cut();
  }
}

async function diskless({ bench, say }: Stage): Promise<void> {
  const named = { folder: bench.folder, name: "diskless", firmware: "uefi" } as const;
  const machine = new Machine({ ...named, drives: [], netboot: NETBOOT });
  try {
    await machine.start();
    await machine.whenShown(/slot network, [\d.]+, data in memory only/);
    say(`API after ${(await machine.whenApi()).toFixed(1)} s`);
    await machine.whenShown(/Lares [\d.]+ on lares-[0-9a-z]{4}, slot network/);
    shows(machine.transcript(), /without a disk for data \(a file system called lares-data\)/, "the console");
  } finally {
    await machine.cut();
  }
}

async function fromQcow2({ bench, say }: Stage): Promise<void> {
  const disk = overlay(join(bench.folder, "from-qcow2.qcow2"), output("qcow2"), "qcow2");
  await answers(new Machine({ folder: bench.folder, name: "from-qcow2", disk, firmware: "uefi" }), say);
}

/** DSP0243: what the description names is what the machine gets. */
async function fromOva({ bench, say }: Stage): Promise<void> {
  const folder = join(bench.folder, "ova");
  const name = basename(output("ova"), ".ova");
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xf", output("ova"), "-C", folder]);
  for (const [, file = "", sum] of readFileSync(join(folder, `${name}.mf`), "utf8").matchAll(
    /^SHA256\((.*)\)= (.*)$/gm,
  ))
    assert.equal(
      createHash("sha256")
        .update(readFileSync(join(folder, file)))
        .digest("hex"),
      sum,
      file,
    );
  const text = readFileSync(join(folder, `${name}.ovf`), "utf8");
  const named = (what: RegExp): string => what.exec(text)?.[1] ?? "";
  const below = join(folder, named(/<File [^>]*ovf:href="([^"]*)"/));
  const by = { AHCI: "sata" as const }[named(/>SATA<[^]*?<rasd:ResourceSubType>(\w+)/)];
  const card = named(/>network<[^]*?<rasd:ResourceSubType>(\w+)/).toLowerCase();
  const memoryMib = Number(named(/AllocationUnits>byte \* 2\^20<[^]*?VirtualQuantity>(\d+)/));
  const processors = Number(named(/processors<[^]*?VirtualQuantity>(\d+)/));
  assert.ok(by !== undefined, "its controller of disks");
  const file = overlay(join(bench.folder, "from-ova.qcow2"), below, "vmdk");
  const drives: readonly Drive[] = [{ file, format: "qcow2", by }];
  await answers(new Machine({ folder: bench.folder, name: "from-ova", drives, card, memoryMib, processors }), say);
}

async function fromBox({ bench, say }: Stage): Promise<void> {
  const folder = join(bench.folder, "box");
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xzf", output("libvirt.box"), "-C", folder]);
  const { format, virtual_size }: { format?: unknown; virtual_size?: unknown } = JSON.parse(
    readFileSync(join(folder, "metadata.json"), "utf8"),
  );
  assert.deepEqual([format, virtual_size], ["qcow2", 8]);
  const key = join(folder, "vagrant");
  copyFileSync(vagrantKey() ?? "", key);
  chmodSync(key, 0o600);
  const disk = overlay(join(bench.folder, "from-box.qcow2"), join(folder, "box.img"), "qcow2");
  const machine = new Machine({ folder: bench.folder, name: "from-box", disk, key });
  await answers(machine, say, async () => {
    await machine.whenSsh();
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
    assert.ok(Number(await machine.must("df -m /var | awk 'NR == 2 { print $2 }'")) > 6000, "8 GB of room");
  });
}

async function answers(machine: Machine, say: Stage["say"], also?: () => Promise<void>): Promise<void> {
  try {
    await machine.start();
    say(`API after ${(await machine.whenApi()).toFixed(1)} s`);
    await machine.whenShown(/slot A, [\d.]+, data on disk/);
    await also?.();
  } finally {
    await machine.cut();
  }
}

/** Docker's own engine reads it, and its programs run. */
async function container({ bench, say }: Stage): Promise<void> {
  const daemon = await startPrivateDockerd(join(bench.folder, "dockerd"));
  const docker = (line: string): string =>
    execFileSync("docker", ["-H", daemon.host, ...line.split(" ")], { encoding: "utf8" }).trim();
  try {
    const [, image = ""] = /Loaded image: (\S+)/.exec(docker(`load -q -i ${output("oci.tar")}`)) ?? [];
    assert.equal(image, `lares-amd64:${FIRMWARE_VERSION}`);
    const run = "run --rm --network none --read-only";
    shows(docker(`${run} ${image} version`), new RegExp(`^Lares v${VERSION.replaceAll(".", "\\.")}`), "its agent");
    shows(docker(`${run} --entrypoint /usr/bin/cat ${image} /etc/os-release`), /^VERSION_ID=/m, "its root");
    say(docker(`image ls --format {{.Size}} ${image}`));
    docker(`rmi ${image}`);
  } finally {
    await daemon.stop();
  }
}

/** With the programs that people have: sums, who signed them, and lists that other programs read. */
async function published({ bench, say }: Stage): Promise<void> {
  const cwd = dirname(output("imager.json"));
  const run = (program: string, ...words: readonly string[]): string =>
    execFileSync(program, words, { cwd, encoding: "utf8" });
  const key = run("openssl", "x509", "-in", "SHA256SUMS.pem", "-pubkey", "-noout");
  const keyFile = join(cwd, ".key.pem");
  writeFileSync(keyFile, key);
  try {
    shows(
      run("openssl", "dgst", "-sha256", "-verify", keyFile, "-signature", "SHA256SUMS.sig", "SHA256SUMS"),
      /OK/,
      "who",
    );
  } finally {
    rmSync(keyFile);
  }
  const sums = run("sha256sum", "--check", "--ignore-missing", "SHA256SUMS").trim().split("\n");
  assert.ok(sums.length > 10 && sums.every((line) => line.endsWith(": OK")), sums.join("\n"));
  const list = readFileSync(output("imager.json"), "utf8");
  const [, extracted = ""] = /"os_list"[\s\S]*"extract_sha256": *"([0-9a-f]{64})"/.exec(list) ?? [];
  const card = join(bench.folder, "card-by-bmap.img");
  run("bmaptool", "-q", "copy", "--bmap", output("img.bmap"), output("img.xz"), card);
  assert.equal(run("sha256sum", card).slice(0, extracted.length), extracted, "what bmaptool wrote");
  rmSync(card);
  shows(readFileSync(output("spdx.json"), "utf8"), /"spdxVersion": *"SPDX-2\.3"[\s\S]*"name": *"systemd"/, "the bill");
  say(`${sums.length} files are as their sums say, and these are signed`);
  return Promise.resolve();
}
