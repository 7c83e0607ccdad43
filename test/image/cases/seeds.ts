import assert from "node:assert/strict";
import { connect } from "node:net";
import { shows, type Case, type Stage } from "../case.ts";
import { Lan } from "../lan.ts";
import { Machine, makeKey, overlay } from "../machine.ts";
import { seededMachine } from "../shared-machine.ts";
import { timeServer } from "../time-server.ts";

export const seedCases: readonly Case[] = [
  { name: "seed with a join token that is no good", run: badToken },
  { name: "seed with an address of its own", run: fixedAddress },
  { name: "seed with a VLAN, and without a key", run: inVlan },
  { name: "seed as Raspberry Pi Imager writes it, and a clock that is wrong by years", run: byImager },
];

/** It goes on trying, and does not make itself a cluster instead. */
async function badToken({ bench, say }: Stage): Promise<void> {
  const pin = "x".repeat(43);
  const seed = `join {\r\n  address = "10.0.2.2:9"\r\n  token = "lares1.id.secret.${pin}"\r\n}\r\n`;
  const machine = await seededMachine(bench, "token", { seed });
  await machine.start();
  try {
    await machine.whenSsh();
    const tries = "systemctl show -P NRestarts lares-first.service";
    await machine.until("it begins anew", async () => Number(await machine.must(tries)) > 0);
    say("it tries again");
    const jobs = await machine.must("systemctl list-jobs --no-legend");
    shows(jobs, /lares-confirm\.service +start +waiting/, "the list of jobs");
    shows(await machine.must("journalctl -u lares"), /waiting until there is .*\/ready/, "the agent's log");
    assert.equal((await machine.run("ls -A /var/lib/lares/state")).stdout, "", "it made itself no cluster");
    shows(await machine.osStatus(), /10\.0\.2\.2:9/, "the status");
    assert.equal(await machine.must("sort /run/lares-os/troubles | uniq -d"), "", "each trouble is told once");
    const left = await machine.run("grep -a -q lares1.id.secret $(readlink /run/lares-os/disk/boot)");
    assert.equal(left.code, 1, "of the token nothing is left on the boot partition");
  } finally {
    await machine.cut();
  }
}

async function fixedAddress({ bench }: Stage): Promise<void> {
  const network = 'address = "10.0.2.77/24"\r\n  gateway = "10.0.2.2"\r\n  dns = ["10.0.2.3"]';
  const machine = await seededMachine(bench, "fixed", {
    seed: `hostname = "cellar"\r\nnetwork {\r\n  ${network}\r\n}\r\n`,
  });
  await machine.start();
  try {
    await machine.whenShown(/Lares [\d.]+ on cellar, slot A\s.*http:\/\/10\.0\.2\.77:4646[\s\S]*healthy/);
    shows(machine.transcript(), /This is cellar at 10\.0\.2\.77;/, "the console");
  } finally {
    await machine.cut();
  }
}

const VLAN = 7;

/** The network is there for whoever is in the VLAN, and for nobody else. Nobody gets a shell. */
async function inVlan({ bench, say }: Stage): Promise<void> {
  const lan = await Lan.open({ routerVlan: VLAN });
  const network = `vlan = ${VLAN}\r\n  address = "10.0.2.77/24"\r\n  gateway = "10.0.2.2"`;
  const base = await bench.disk("vlan.img", {
    "lares.hcl": `hostname = "attic"\r\nnetwork {\r\n  ${network}\r\n}\r\n`,
  });
  const disk = overlay(`${bench.folder}/vlan.qcow2`, base, "raw", "4G");
  const machine = new Machine({ folder: bench.folder, name: "vlan", disk, lan });
  try {
    await machine.start();
    assert.equal(await machine.addressed(), "10.0.2.77");
    say(`API after ${(await machine.whenApi()).toFixed(1)} s`);
    await machine.whenShown(/Lares [\d.]+ on attic, slot A\s.*http:\/\/10\.0\.2\.77:4646[\s\S]*healthy/);
    assert.equal(await firstWords(machine.apiPort, "GET / HTTP/1.0\r\n\r\n"), "HTTP/1.1");
    assert.equal(await firstWords(machine.sshPort, ""), "", "nobody answers at the port of SSH");
    assert.equal(await lan.whereIs("attic"), undefined, "mDNS of the VLAN is heard in the VLAN alone");
  } finally {
    await machine.cut();
    await lan.close();
  }
}

/** The first eight letters that come from there; empty: nobody says anything. */
function firstWords(port: number, said: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(said));
    socket.setTimeout(30_000, () => socket.destroy());
    socket.on("data", (bytes: Buffer) => {
      resolve(bytes.toString("latin1", 0, 8));
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(""));
  });
}

/** Its clock is ahead by years, a server of time puts it right, and all that was made meanwhile goes on working. */
async function byImager({ bench, say }: Stage): Promise<void> {
  const { key, line } = makeKey(bench.folder);
  const toml = [
    "config_version = 1",
    "[system]",
    'hostname = "study"',
    "[user]",
    'name = "somebody"',
    'password = "$5$salt$hash"',
    "password_encrypted = true",
    "[ssh]",
    "enabled = true",
    "password_authentication = false",
    `authorized_keys = [ "${line}" ]`,
    "[locale]",
    'timezone = "Europe/Lisbon"',
  ].join("\n");
  const base = await bench.disk("imager.img", { "custom.toml": toml });
  const disk = overlay(`${bench.folder}/imager.qcow2`, base, "raw", "4G");
  const more = ["-rtc", "base=2035-05-05T05:05:05"];
  const machine = new Machine({ folder: bench.folder, name: "imager", disk, key, more });
  const time = await timeServer(bench.folder);
  const year = async (): Promise<number> => Number(await machine.must("date +%Y"));
  try {
    await machine.start();
    await machine.settled("A");
    assert.equal((await machine.must("hostname")).trim(), "study");
    shows(await machine.must("date +%Z"), /^WES?T$/m, "the time zone");
    assert.equal(await year(), 2035);
    const left = await machine.run("grep -a -q 'salt.hash' $(readlink /run/lares-os/disk/boot)");
    assert.equal(left.code, 1, "of the password nothing is left on the boot partition");
    await machine.must(`chronyc add server 10.0.2.2 port ${time.port} iburst`);
    await machine.until("the clock is right", async () => (await year()) === new Date().getFullYear());
    const apart = Math.abs(Number(await machine.must("date +%s")) - Date.now() / 1000);
    assert.ok(apart < 30, `it is ${apart} s apart`);
    say("NTP put the clock right, by years");
    await goesOn(machine);
    say("a task was placed after that");
    await machine.restarted("systemctl reboot");
    await machine.whenApi();
    await machine.settled("A");
    await machine.must("systemctl is-active lares.service");
    assert.equal((await machine.must("systemctl --failed --plain --no-legend")).trim(), "");
    say("and it starts again");
  } finally {
    await machine.cut();
    time.stop();
  }
}

/** Its parts speak to each other by their certificates. */
async function goesOn(machine: Machine): Promise<void> {
  const job = `job "after" {
  type = "batch"
  group "g" {
    task "t" {
      driver = "exec"
      config {
        command = "/bin/busybox"
        args    = ["true"]
      }
    }
  }
}
`;
  const lares = "NOMAD_TOKEN=$(cat /var/lib/lares/management-token) lares";
  await machine.must(
    `cat >/run/after.nomad.hcl <<'END'\n${job}END\n${lares} job run -detach /run/after.nomad.hcl`,
    300_000,
  );
  const done = async (): Promise<boolean> =>
    /"ClientStatus": *"complete"/.test((await machine.run(`${lares} job allocs -json after`, 300_000)).stdout);
  await machine.until("the task ran", done);
}
