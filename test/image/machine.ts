import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { driveArguments, netbootArguments, type Drive } from "./hardware.ts";
import type { Lan } from "./lan.ts";

/** A slow emulated processor on a busy machine. */
export const BOOT_MS = 900_000;
/** Between two looks: each costs the machine some of its time, too. */
const PAUSE_MS = 500;
const UEFI = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const ARM_UEFI = "/usr/share/AAVMF/AAVMF_CODE.fd";
const ARM_UEFI_VARIABLES = "/usr/share/AAVMF/AAVMF_VARS.fd";
const UEFI_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd";

export interface MachineOptions {
  /** Its disk, serial transcript and sockets go there. */
  readonly folder: string;
  readonly name: string;
  /** qcow2 or raw image that is written to. */
  readonly disk?: string;
  /** In its place: what the machine starts from and writes to, in that order. */
  readonly drives?: readonly Drive[];
  /** Started from the network, by this file in this folder, where none of its drives starts. */
  readonly netboot?: { readonly folder: string; readonly file: string };
  /** Its serial line can be typed into, at the socket `typing`. */
  readonly typed?: boolean;
  readonly format?: "raw" | "qcow2";
  /** Default "unsafe": quick, and whatever the machine wants to be sure of is ignored. */
  readonly cache?: "unsafe" | "writeback";
  /** As a card that is worn out. */
  readonly readOnly?: boolean;
  readonly firmware?: "bios" | "uefi";
  /** Default: a PC. */
  readonly board?: "pc" | "arm64" | "pi3";
  /** Of a Pi 3, whose own firmware QEMU does not run: what that would start, and the board's description. */
  readonly started?: { readonly program: string; readonly tree: string };
  readonly memoryMib?: number;
  /** Default: 2, and 1 on a network with other machines, which share the processors there are. */
  readonly processors?: number;
  /** Private key that its seed let in. */
  readonly key?: string;
  /** Serial number, of which the machine takes its name. */
  readonly serial?: string;
  readonly more?: readonly string[];
  /** QEMU's name of its network card. */
  readonly card?: string;
  /** No network card at all. */
  readonly networkless?: boolean;
  /** A network with other machines; by default it has one of its own. */
  readonly lan?: Lan;
  /** That is its second card's; the first has a network of its own, by which it is reached from here. */
  readonly behindNat?: boolean;
}

/** A machine started from an image. Its console is kept in a file. */
export class Machine {
  readonly options: MachineOptions;
  sshPort = 0;
  apiPort = 0;
  catalogPort = 0;
  /** On a network with other machines: its card. */
  #card: readonly string[] | undefined;
  #qemu: ChildProcess | undefined;
  #startedMs = 0;

  constructor(options: MachineOptions) {
    this.options = options;
  }

  get console(): string {
    return join(this.options.folder, `${this.options.name}.console`);
  }

  get typing(): string {
    return `${this.console}.typed`;
  }

  /** What its serial line showed since it was switched on, without colours and cursor movements. */
  transcript(): string {
    if (!existsSync(this.console)) return "";
    const text = readFileSync(this.console, "latin1");
    // oxlint-disable-next-line no-control-regex
    return text.replaceAll(/\u001B(?:\[[0-9;?]*[A-Za-z]|[()][AB0])|\r/g, "");
  }

  /** Seconds since it was switched on. */
  sinceStart(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  async start(): Promise<void> {
    if (this.#card === undefined) {
      const ports = [freePort(), freePort(), freePort()];
      [this.sshPort = 0, this.apiPort = 0, this.catalogPort = 0] = await Promise.all(ports);
    }
    // A machine that is switched on again has the same card.
    this.#card ??= this.options.lan?.card();
    rmSync(this.console, { force: true });
    const errors = openSync(`${this.console}.qemu`, "w");
    this.#startedMs = performance.now();
    this.#qemu = spawn("nice", ["-n", "5", ...this.#command()], {
      stdio: ["ignore", errors, errors],
    });
    closeSync(errors);
  }

  running(): boolean {
    return this.#qemu !== undefined && this.#qemu.exitCode === null && this.#qemu.signalCode === null;
  }

  /** Resolves when it has switched itself off. */
  async ended(timeoutMs = 300_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.running()) {
      if (performance.now() > deadline) throw new Error(`${this.options.name} does not switch itself off`);
      await wait(100);
    }
  }

  /** On a network with others: its screen tells its address, at which its ports are reached from then on. */
  async addressed(): Promise<string> {
    const told = /This is \S+ at ([\d.]+); it (?:looks|joins)/;
    await this.whenShown(told);
    const [, address = ""] = told.exec(this.transcript()) ?? [];
    const { lan } = this.options;
    await lan?.forward(this.sshPort, `${address}:22`);
    await lan?.forward(this.apiPort, `${address}:4646`);
    await lan?.forward(this.catalogPort, `${address}:8500`);
    return address;
  }

  /** Pulls the plug. */
  async cut(): Promise<void> {
    const qemu = this.#qemu;
    if (qemu === undefined || !this.running()) return;
    const gone = once(qemu, "exit");
    qemu.kill("SIGKILL");
    await gone;
  }

  /** Runs a line of shell inside, by SSH. */
  async run(line: string, timeoutMs = 120_000): Promise<{ code: number; stdout: string; stderr: string }> {
    const { key = "" } = this.options;
    // One connection for all: a slow processor is kept busy for seconds by agreeing on keys.
    const shared = `ControlMaster=auto ControlPersist=120 ControlPath=${this.options.folder}/%p.ssh ServerAliveInterval=15`;
    const options = `StrictHostKeyChecking=no UserKnownHostsFile=/dev/null ConnectTimeout=60 BatchMode=yes LogLevel=ERROR ${shared}`;
    const argv = ["-i", key, "-p", String(this.sshPort), ...options.split(" ").flatMap((each) => ["-o", each])];
    const ssh = spawn("ssh", [...argv, "root@127.0.0.1", line], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
    });
    const said = { stdout: "", stderr: "" };
    ssh.stdout.on("data", (bytes: Buffer) => (said.stdout += bytes.toString()));
    ssh.stderr.on("data", (bytes: Buffer) => (said.stderr += bytes.toString()));
    const code = await new Promise<number>((resolve) => ssh.on("close", (ended) => resolve(ended ?? 255)));
    return { code, ...said };
  }

  /** As `run`, for what has to succeed. */
  async must(line: string, timeoutMs?: number): Promise<string> {
    const { code, stdout, stderr } = await this.run(line, timeoutMs);
    if (code !== 0) throw new Error(`${this.options.name}: \`${line}\` ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  async whenApi(timeoutMs = BOOT_MS): Promise<number> {
    await this.until(`the API answers`, () => this.answers("/v1/agent/health"), timeoutMs);
    return this.sinceStart();
  }

  answers(path: string): Promise<boolean> {
    const url = `http://127.0.0.1:${this.apiPort}${path}`;
    return fetch(url, { signal: AbortSignal.timeout(3000) }).then(
      (answer) => answer.status === 200,
      () => false,
    );
  }

  async whenSsh(timeoutMs = BOOT_MS): Promise<void> {
    await this.until("SSH answers", async () => (await this.run("true", 20_000)).code === 0, timeoutMs);
  }

  /** Waits for a line of the console. */
  async whenShown(what: RegExp, timeoutMs = BOOT_MS): Promise<void> {
    await this.until(`the console shows ${String(what)}`, () => what.test(this.transcript()), timeoutMs);
  }

  async until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = BOOT_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (await holds()) return;
      if (!this.running())
        throw new Error(`${this.options.name}: QEMU ended while waiting until ${what}: ${this.#end()}`);
      if (performance.now() > deadline) throw new Error(`${this.options.name}: not in time: ${what}\n${this.#end()}`);
      await wait(PAUSE_MS);
    }
  }

  /** Runs in this slot, and its start was judged. */
  async settled(wanted: "A" | "B"): Promise<void> {
    await this.whenSsh();
    await this.until(`slot ${wanted} runs`, async () => (await this.slot()) === wanted);
    await this.until("this start was judged", async () => (await this.run("test -e /run/lares-os/judged")).code === 0);
  }

  async slot(): Promise<string> {
    return (await this.run("cat /run/lares-os/slot", 20_000)).stdout.trim();
  }

  /** Resolves when it was started again after this, and SSH answers. */
  async restarted(how: string): Promise<void> {
    const read = "cat /proc/sys/kernel/random/boot_id";
    const id = await this.must(read);
    await this.run(how);
    await this.until("it was started again", async () => {
      const { code, stdout } = await this.run(read, 20_000);
      return code === 0 && stdout !== id;
    });
  }

  async osStatus(): Promise<string> {
    return (await this.run("lares os status -json")).stdout;
  }

  #end(): string {
    const said = existsSync(`${this.console}.qemu`) ? readFileSync(`${this.console}.qemu`, "utf8") : "";
    return `${said}${this.transcript().slice(-3000)}`;
  }

  #command(): readonly string[] {
    const { board = "pc" } = this.options;
    if (board === "pc") return ["qemu-system-x86_64", ...this.#arguments()];
    const own = board === "arm64" ? this.#arm64() : this.#pi3();
    const usual = "-no-user-config -display none -accel tcg,thread=multi -monitor none";
    return ["qemu-system-aarch64", ...usual.split(" "), ...own, ...(this.options.more ?? [])];
  }

  #arm64(): readonly string[] {
    const { disk, format = "qcow2", memoryMib = 1024 } = this.options;
    const random = "-object rng-random,filename=/dev/urandom,id=rng -device virtio-rng-pci,rng=rng";
    return [
      ...`-machine virt -cpu cortex-a57 -smp 2 -m ${memoryMib} ${random}`.split(" "),
      ...this.#uefi(ARM_UEFI, ARM_UEFI_VARIABLES),
      ...`-netdev user,id=net,${this.#forward()} -device virtio-net-pci,netdev=net,romfile=`.split(" "),
      "-serial",
      `file:${this.console}`,
      "-drive",
      `file=${disk},format=${format},if=virtio,cache=unsafe,discard=unmap`,
    ];
  }

  /** Its second serial line is the one on the pins. */
  #pi3(): readonly string[] {
    const { disk, format = "qcow2", started, networkless } = this.options;
    const network = `-netdev user,id=net,${this.#forward()} -device usb-net,netdev=net`.split(" ");
    return [
      "-machine",
      "raspi3b",
      ...(networkless === true ? [] : network),
      "-kernel",
      started?.program ?? "",
      "-dtb",
      started?.tree ?? "",
      "-serial",
      `file:${this.console}.first`,
      "-serial",
      `file:${this.console}`,
      "-drive",
      `file=${disk},format=${format},if=sd,cache=unsafe`,
    ];
  }

  #forward(): string {
    return [`${this.sshPort}-:22`, `${this.apiPort}-:4646`, `${this.catalogPort}-:8500`]
      .map((ports) => `hostfwd=tcp:127.0.0.1:${ports}`)
      .join(",");
  }

  #arguments(): readonly string[] {
    const {
      firmware = "bios",
      memoryMib = 1024,
      processors = this.options.lan === undefined ? 2 : 1,
      serial,
      more = [],
    } = this.options;
    const random = "-object rng-random,filename=/dev/urandom,id=rng -device virtio-rng-pci,rng=rng";
    const usual = `-no-user-config -cpu Nehalem -smp ${processors} -m ${memoryMib} -display none -accel tcg,thread=multi -monitor none ${random}`;
    return [
      ...`-machine q35 ${usual}`.split(" "),
      ...(firmware === "uefi" ? this.#uefi(UEFI, UEFI_VARIABLES) : []),
      ...(this.#card === undefined || this.options.behindNat === true ? this.#ownNetwork() : []),
      ...(this.#card ?? []),
      ...(serial === undefined ? [] : ["-smbios", `type=1,serial=${serial}`]),
      ...this.#serialLine(),
      ...this.#drives(),
      ...more,
    ];
  }

  #ownNetwork(): readonly string[] {
    const { networkless, netboot, card = "virtio-net-pci" } = this.options;
    if (networkless === true) return ["-nic", "none"];
    const own = { network: "", card: `${card},netdev=net,romfile=` };
    const how = netboot === undefined ? own : netbootArguments(netboot);
    return ["-netdev", `user,id=net,${this.#forward()}${how.network}`, "-device", how.card];
  }

  #serialLine(): readonly string[] {
    if (this.options.typed !== true) return ["-serial", `file:${this.console}`];
    const socket = `socket,id=typed,path=${this.typing},server=on,wait=off,logfile=${this.console}`;
    return ["-chardev", socket, "-serial", "chardev:typed"];
  }

  #drives(): readonly string[] {
    const { disk, drives, format = "qcow2", cache = "unsafe", readOnly = false } = this.options;
    if (drives !== undefined) return driveArguments(drives);
    return [
      "-drive",
      `file=${disk},format=${format},if=virtio,cache=${cache},discard=unmap${readOnly ? ",readonly=on" : ""}`,
    ];
  }

  #uefi(program: string, empty: string): readonly string[] {
    const variables = join(this.options.folder, `${this.options.name}.efivars`);
    if (!existsSync(variables)) copyFileSync(empty, variables);
    return [
      "-drive",
      `if=pflash,format=raw,unit=0,readonly=on,file=${program}`,
      "-drive",
      `if=pflash,format=raw,unit=1,file=${variables}`,
    ];
  }
}

/** A disk that holds only what is written to it; what it stands on is not changed. */
export function overlay(path: string, below: string, format: "raw" | "qcow2" | "vmdk", size?: string): string {
  const sized = size === undefined ? [] : [size];
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", below, "-F", format, path, ...sized]);
  return path;
}

export function makeKey(folder: string): { readonly key: string; readonly line: string } {
  const key = join(folder, "id_ed25519");
  if (!existsSync(key)) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "image-test", "-f", key]);
  writeFileSync(join(folder, ".keep"), "");
  return { key, line: readFileSync(`${key}.pub`, "utf8").trim() };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return address !== null && typeof address !== "string" ? address.port : 0;
}
