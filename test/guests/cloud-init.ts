import { equal, match } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { createEnv } from "#base/platform/create-env.ts";
import { readQemuOptions } from "#drivers/qemu/plugin-options.ts";
import { createQemuDriver } from "#drivers/qemu/qemu-driver.ts";
import { taskIn } from "../drivers/task.ts";
import { debianDisk } from "./debian-disk.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFHfOfUDcHkZJqLQzAvsjzYWJRLtkBhwBjPk0zVvQ6xG somebody@elsewhere";
/** What cloud-init is told, and what it says of itself when all of it is done. */
const USER_DATA = `#cloud-config
users:
  - name: keeper
    shell: /bin/sh
    ssh_authorized_keys: ["${KEY}"]
write_files:
  - path: /etc/motd
    content: "set up by its job\\n"
runcmd:
  - [sh, -c, "echo was here >/root/trace"]
  - - sh
    - -c
    - |
      { echo "name: $(hostname)"; echo "instance: $(cat /var/lib/cloud/data/instance-id)"
        echo "platform: $(cat /run/cloud-init/cloud-id)"; echo "keys: $(cat /home/keeper/.ssh/authorized_keys)"
        echo "owner: $(stat -c %U:%a /home/keeper/.ssh/authorized_keys)"; echo "motd: $(cat /etc/motd)"
        echo "trace: $(cat /root/trace)"; echo "told all"; } >/dev/ttyS1
      sync; systemctl poweroff --force --force
`;
const GIVE_UP_MS = 1_500_000;

/** Debian's own cloud-init takes the seed that the driver makes: name, user, key, files, commands. */
export async function tryCloudInit(held: (what: string) => void): Promise<void> {
  const env = createEnv({ logLevel: "error" });
  const root = mkdtempSync(`${tmpdir()}/lares-cloud-init-`);
  const alive = setInterval(() => {}, 1000);
  const disk = debianDisk();
  const driver = createQemuDriver(env, readQemuOptions({ image_paths: [disk.folder] }), root);
  const config = {
    kernel: disk.kernel,
    initrd: disk.initrd,
    image_path: disk.image,
    append: "root=/dev/vda rw console=ttyS0 quiet cryptomgr.notests mitigations=off panic=-1",
    cloud_init: [{ user_data: USER_DATA }],
  };
  const task = taskIn(root, config, {
    allocName: "web.machine[3]",
    resources: {
      Cpu: { CpuShares: 1000, ReservedCores: [] },
      Memory: { MemoryMB: 1024, MemoryMaxMB: 0 },
      Networks: [],
      Devices: [],
    },
  });
  const over = new AbortController();
  try {
    const started = await driver.start(task);
    if (!started.ok) throw new Error(`${started.error.message} ${started.error.hint ?? ""}`);
    try {
      const exit = await Promise.race([
        driver.wait(started.value, over.signal),
        wait(GIVE_UP_MS, undefined, { signal: over.signal }),
      ]);
      const said = readFileSync(task.paths.stderrPath, "utf8").replaceAll("\r", "");
      const console = readFileSync(task.paths.stdoutPath, "utf8").slice(-4000);
      match(said, /told all\n/, `${JSON.stringify(exit)}\n${said}\n${console}`);
      const told = (what: string): string => new RegExp(`^${what}: (.*)$`, "m").exec(said)?.[1] ?? "";
      equal(told("name"), "web-machine-3");
      equal(told("instance"), task.allocId);
      equal(told("platform"), "nocloud");
      held("cloud-init: Debian's own finds the driver's seed, and the machine has its allocation's name");
      equal(told("keys"), KEY);
      equal(told("owner"), "keeper:600");
      held("cloud-init: the job's user is there, with the key that lets it in");
      equal(told("motd"), "set up by its job");
      equal(told("trace"), "was here");
      held("cloud-init: files and commands of the job leave their traces");
    } finally {
      over.abort();
      await driver.destroy(started.value);
    }
  } finally {
    await driver.close?.();
    env.close();
    clearInterval(alive);
    rmSync(root, { recursive: true, force: true });
  }
}
