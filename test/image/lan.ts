import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { askLink } from "./ask-link.ts";
import { Switch } from "./switch.ts";

const READY_MS = 30_000;
const ANSWER_MS = 10_000;
/** What QEMU's router gives to its clients (`info usernet`, and `-netdev user` of qemu(1)). */
export const HOST_SEEN_FROM_LAN = "10.0.2.2";

export interface LanOptions {
  /** The router is there for machines that are in this VLAN, and for no others. */
  readonly routerVlan?: number;
  /** The network's own addresses (CIDR), and nobody who leads elsewhere, as a host-only network has it. */
  readonly apart?: string;
}

/**
 * A network of its own for several machines: a switch that all hang on, and a router with DHCP, DNS and a way out. That is a
 * QEMU without a machine, so that nobody has to be root, and none of the machines is needed for it.
 */
export class Lan {
  readonly #folder: string;
  readonly #qemu: ChildProcess;
  readonly #switch: Switch;
  #used = 0;

  private constructor(folder: string, { qemu, hub }: { readonly qemu: ChildProcess; readonly hub: Switch }) {
    this.#folder = folder;
    this.#qemu = qemu;
    this.#switch = hub;
  }

  static async open({ routerVlan, apart }: LanOptions = {}): Promise<Lan> {
    // Paths of sockets are short.
    const folder = mkdtempSync(join(tmpdir(), "lares-lan-"));
    const hub = await Switch.open(join(folder, "switch"), routerVlan);
    const monitor = `-machine none -nodefaults -display none -monitor unix:${join(folder, "monitor")},server=on,wait=off`;
    const way = apart === undefined ? "" : `,net=${apart},restrict=on`;
    const router = `-netdev user,id=router${way} -netdev hubport,id=inside,hubid=0,netdev=router`;
    const cable = `${stream("cable", hub.path)} -netdev hubport,id=outside,hubid=0,netdev=cable`;
    const qemu = spawn("qemu-system-x86_64", `${monitor} ${router} ${cable}`.split(" "), { stdio: "ignore" });
    const lan = new Lan(folder, { qemu, hub });
    const deadline = performance.now() + READY_MS;
    while (!existsSync(join(folder, "monitor"))) {
      if (qemu.exitCode !== null || performance.now() > deadline) throw new Error("the virtual network did not start");
      await wait(50);
    }
    return lan;
  }

  /** QEMU's arguments for a card on this network, and nobody else's. */
  card(): readonly string[] {
    const mac = `52:54:00:1a:2e:${(0x10 + this.#used++).toString(16)}`;
    const device = `-device virtio-net-pci,netdev=lan,romfile=,mac=${mac}`;
    return `${stream("lan", this.#switch.path)} ${device}`.split(" ");
  }

  /** Makes a machine's TCP port one of this host's loopback. */
  async forward(port: number, to: string): Promise<void> {
    const said = await this.#order(`hostfwd_add router tcp:127.0.0.1:${port}-${to}`);
    if (/could not|invalid|unknown|error/i.test(said))
      throw new Error(`port ${port} is not forwarded to ${to}: ${said}`);
  }

  /** The address of a name that ends in `.local`, as any machine here hears it; undefined: nobody said it. */
  whereIs(host: string): Promise<string | undefined> {
    return askLink(this.#switch.path, host);
  }

  async close(): Promise<void> {
    if (this.#qemu.exitCode === null && this.#qemu.signalCode === null) {
      const gone = once(this.#qemu, "exit");
      this.#qemu.kill("SIGKILL");
      await gone;
    }
    await this.#switch.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A line for QEMU's monitor; what it answers, up to its next prompt. */
  #order(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(join(this.#folder, "monitor"));
      let said = "";
      let sent = false;
      socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`QEMU's monitor does not answer: ${said}`)));
      socket.on("error", reject);
      socket.on("data", (bytes: Buffer) => {
        said += bytes.toString("latin1");
        if (!said.endsWith("(qemu) ")) return;
        if (sent) {
          socket.end();
          resolve(said);
        } else {
          sent = true;
          said = "";
          socket.write(`${line}\n`);
        }
      });
    });
  }
}

function stream(id: string, path: string): string {
  return `-netdev stream,id=${id},server=off,addr.type=unix,addr.path=${path}`;
}
