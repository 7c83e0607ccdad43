import { Machine, makeKey, overlay, type MachineOptions } from "./machine.ts";
import { seedText, type Workbench } from "./workbench.ts";

interface Seeded extends Partial<MachineOptions> {
  /** Beside the key. */
  readonly seed?: string;
  /** Default 4G. */
  readonly size?: string;
}

/** A machine that lets us in; its disk is an overlay over the image with this seed. */
export async function seededMachine(bench: Workbench, name: string, options: Seeded = {}): Promise<Machine> {
  const { key, line } = makeKey(bench.folder);
  const base = await bench.disk(`${name}.img`, { "lares.hcl": seedText(line, options.seed) });
  const disk = overlay(`${bench.folder}/${name}.qcow2`, base, "raw", options.size ?? "4G");
  return new Machine({ ...options, folder: bench.folder, name, disk, key });
}

/** Once started, it serves one case after the other for as long as none fails: a start takes its time. */
export class SharedMachine {
  readonly #bench: Workbench;
  #machine: Machine | undefined;
  #made = 0;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  /** The work gets it running in slot A, and has to leave it like that. One that failed is thrown away. */
  async use(work: (machine: Machine) => Promise<void>): Promise<void> {
    try {
      this.#machine ??= await this.#start();
      await work(this.#machine);
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  async discard(): Promise<void> {
    const machine = this.#machine;
    this.#machine = undefined;
    await machine?.cut();
  }

  async #start(): Promise<Machine> {
    this.#made += 1;
    const machine = await seededMachine(this.#bench, `shared-${this.#made}`);
    await machine.start();
    try {
      await machine.settled("A");
      await machine.must("echo kept > /var/lib/lares-os/mark; sync");
    } catch (error) {
      await machine.cut();
      throw error;
    }
    return machine;
  }
}
