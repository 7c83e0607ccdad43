import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Case, Stage } from "../case.ts";
import { seededMachine } from "../shared-machine.ts";
import { serve } from "../serve.ts";
import { built, Workbench } from "../workbench.ts";

/** A processor that is emulated by an emulated one. */
const GUEST_MS = 1_200_000;
const SAID = "a guest says so";

export const guestCases: readonly Case[] = [
  {
    name: "a virtual machine as a task, in the flavour with QEMU",
    run: guest,
    needs: () =>
      existsSync(`${built("amd64", "full")}/disk.img`) ? undefined : "npm run image -- -flavour full -only raw",
  },
];

async function guest({ bench: { folder }, say }: Stage): Promise<void> {
  const own = join(folder, "full");
  mkdirSync(own, { recursive: true });
  const bench = await Workbench.open(own, "full");
  writeFileSync(join(own, "boot.img"), bootSector());
  const { server, port } = await serve(own);
  const machine = await seededMachine(bench, "full");
  const lares = (line: string): Promise<string> =>
    machine.must(`NOMAD_TOKEN=$(cat /var/lib/lares/management-token) lares ${line}`, 300_000);
  try {
    await machine.start();
    say(`API after ${(await machine.whenApi()).toFixed(1)} s`);
    await machine.settled("A");
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
    await machine.must("lares os check -quiet");
    await machine.must(`cat >/run/guest.nomad.hcl <<'END'\n${job(port)}END\n`);
    await lares("job run -detach /run/guest.nomad.hcl");
    const logs = async (): Promise<string> => (await machine.run(`${LOGS} guest`, 300_000)).stdout;
    await machine.until("the guest speaks", async () => (await logs()).includes(SAID), GUEST_MS);
    say("a guest runs, and its serial line is its task's log");
    await lares("job stop -purge -detach guest");
    const gone = async (): Promise<boolean> => (await machine.run("pidof qemu-system-x86_64")).code !== 0;
    await machine.until("it is gone", gone);
  } finally {
    await machine.cut();
    server.close();
    bench.close();
  }
}

const LOGS = "NOMAD_TOKEN=$(cat /var/lib/lares/management-token) lares alloc logs -job";

function job(port: number): string {
  return `job "guest" {
  group "g" {
    task "vm" {
      driver = "qemu"
      artifact {
        source = "http://10.0.2.2:${port}/boot.img"
      }
      config {
        image_path        = "local/boot.img"
        image_format      = "raw"
        drive_interface   = "ide"
        graceful_shutdown = false
      }
      resources {
        cpu    = 200
        memory = 128
      }
    }
  }
}
`;
}

/** Says its line at the first serial port, letter by letter, and halts (IBM PC: a disk's first sector is loaded to 0x7c00). */
function bootSector(): Buffer {
  const code = Buffer.from(
    [
      "31c0", // xor ax, ax
      "8ed8", // mov ds, ax
      "baf803", // mov dx, 0x3f8
      "be157c", // mov si, text
      "ac", // next: lodsb
      "84c0", // test al, al
      "7403", // jz end
      "ee", // out dx, al
      "ebf8", // jmp next
      "f4", // end: hlt
      "ebfd", // jmp end
    ].join(""),
    "hex",
  );
  const sector = Buffer.alloc(1024 * 1024);
  code.copy(sector);
  sector.write(`${SAID}\r\n`, code.length);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
