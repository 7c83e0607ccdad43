import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readBuild } from "#os-image/firmware/recipe/read-system.ts";
import type { Case, Stage } from "../case.ts";
import { Machine, makeKey, overlay } from "../machine.ts";
import { seedText, type Workbench } from "../workbench.ts";

export const wifiCases: readonly Case[] = [{ name: "be in a wireless network, by simulated radios", run: wireless }];

/** A PC has no Wi-Fi of its own here; the rest is the other end. */
const AIR = `role "air" {
  packages = ["hostapd", "iw"]
  modules  = ["kernel/drivers/net/wireless/virtual/mac80211_hwsim.ko"]
  mask     = ["hostapd.service", "hostapd@.service"]
}
`;

/** Two radios hear each other and nobody else; the second goes to where the machine's own programs do not see it. */
const RADIOS = `modprobe mac80211_hwsim radios=2
ip netns add air
iw phy $(cat /sys/class/net/wlan1/phy80211/name) set netns name air
ip -n air address add 10.77.0.1/24 dev wlan1`;

const HOUSE = { ssid: `It's "home"`, password: `p'ss "word"` };

/** What hostapd.conf(5) calls the kinds of networks. */
const KINDS = {
  wpa2: "wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP",
  hiddenWpa3: "wpa=2\nwpa_key_mgmt=SAE\nrsn_pairwise=CCMP\nieee80211w=2\nignore_broadcast_ssid=1",
} as const;

async function wireless(stage: Stage): Promise<void> {
  const { bench, say } = stage;
  const { key, line } = makeKey(bench.folder);
  const base = await bench.disk("wifi.img", { "lares.hcl": seedText(line) }, await buildWithAir(stage));
  const disk = overlay(`${bench.folder}/wifi.qcow2`, base, "raw", "4G");
  const machine = new Machine({ folder: bench.folder, name: "wifi", disk, key });
  await machine.start();
  try {
    await machine.settled("A");
    say(`started after ${machine.sinceStart().toFixed(1)} s`);
    // It has no part in this, and an emulated processor has enough to do.
    await machine.must("systemctl stop lares.service");
    await machine.must(RADIOS);
    await open(machine, "wpa2");
    await seed(
      machine,
      `wifi {\r\n  ssid = "It's \\"home\\""\r\n  password = "p'ss \\"word\\""\r\n  country = "DE"\r\n}\r\n`,
    );
    await inHouse(machine);
    say("in a network with WPA2");
    await badPassword(machine);
    say("a password that is not taken is told");
    await unheard(machine);
    say("a network that nobody hears is told");
    await open(machine, "hiddenWpa3");
    await seed(
      machine,
      `wifi {\r\n  ssid = "It's \\"home\\""\r\n  password = "p'ss \\"word\\""\r\n  hidden = true\r\n}\r\n`,
    );
    await inHouse(machine);
    assert.doesNotMatch(await machine.osStatus(), /Wi-Fi/, "what was wrong is over");
    say("in a hidden network with WPA3");
    await cardLater(machine);
    say("a card that is put in later is in the network by itself");
  } finally {
    await machine.cut();
  }
}

/** Puts the other end on the air, and hands out addresses there. */
async function open(machine: Machine, kind: keyof typeof KINDS): Promise<void> {
  const settings = [
    "interface=wlan1",
    "driver=nl80211",
    `ssid2=${Buffer.from(HOUSE.ssid).toString("hex")}`,
    "hw_mode=g",
    "channel=6",
    KINDS[kind],
    `wpa_passphrase=${HOUSE.password}`,
  ].join("\n");
  const leases = "interface wlan1\nstart 10.77.0.100\nend 10.77.0.199\noption subnet 255.255.255.0\n";
  await write(machine, "/run/air.conf", `${settings}\n`);
  await write(machine, "/run/air-leases.conf", `${leases}lease_file /run/air.leases\npidfile /run/air-leases.pid\n`);
  await machine.must(
    `for each in air air-leases; do [ ! -e /run/$each.pid ] || kill $(cat /run/$each.pid); rm -f /run/$each.pid; done
sleep 1; touch /run/air.leases
ip netns exec air hostapd -B -P /run/air.pid /run/air.conf
ip netns exec air busybox udhcpd -S /run/air-leases.conf`,
  );
}

/** As somebody does who puts the card into a computer. */
async function seed(machine: Machine, text: string): Promise<void> {
  await machine.must("mount -o remount,rw /boot");
  await write(machine, "/boot/lares.hcl", text);
  await machine.must(
    "mount -o remount,ro /boot; echo lares.hcl >/run/lares-os/seed; systemctl start lares-seed.service",
    300_000,
  );
  assert.match(await machine.must("cat /boot/lares.hcl.applied.txt"), /Applied, and wiped/);
}

async function inHouse(machine: Machine): Promise<void> {
  await machine.until("the card has an address of the house", async () => {
    return /inet 10\.77\.0\.1\d\d\//.test((await machine.run("ip -4 address show dev wlan0")).stdout);
  });
  assert.match(await machine.must("iw dev wlan0 link"), /SSID: It's "home"/);
  await machine.must("ping -c 1 -W 30 10.77.0.1");
}

async function badPassword(machine: Machine): Promise<void> {
  await seed(machine, `wifi {\r\n  ssid = "It's \\"home\\""\r\n  password = "not this one"\r\n}\r\n`);
  const told = /Wi-Fi on wlan0: the network does not take the password/;
  await machine.until("the password is told", async () => told.test(await machine.osStatus()));
  assert.match((await machine.run("iw dev wlan0 link")).stdout, /Not connected/);
}

async function unheard(machine: Machine): Promise<void> {
  await seed(machine, `wifi {\r\n  ssid = "Nobody's"\r\n  password = "long enough"\r\n}\r\n`);
  const told = /Wi-Fi on wlan0: no network of that name is heard/;
  await machine.until("that nobody hears it is told", async () => told.test(await machine.osStatus()));
  assert.match((await machine.run("iw dev wlan0 link")).stdout, /Not connected/);
}

/** The simulated air goes with the radios. */
async function cardLater(machine: Machine): Promise<void> {
  await machine.must(
    "ip netns exec air kill $(cat /run/air.pid /run/air-leases.pid); rm /run/air.pid /run/air-leases.pid",
  );
  await machine.must("ip netns delete air; sleep 1; modprobe -r mac80211_hwsim");
  await machine.must(RADIOS);
  await open(machine, "wpa2");
  await inHouse(machine);
}

function write(machine: Machine, path: string, text: string): Promise<string> {
  return machine.must(`printf %s ${Buffer.from(text).toString("base64")} | base64 -d >${path}`);
}

/** The PC's image with Wi-Fi, from a recipe of its own with packages of today. @returns its work folder */
async function buildWithAir({ bench }: Stage): Promise<string> {
  const made = join(bench.folder, "wifi-build");
  if (!existsSync(join(made, "disk.img"))) await bench.system("wifi-build", recipeWithAir(bench), true);
  return made;
}

function recipeWithAir(bench: Workbench) {
  const file = bench.recipe("wifi-recipe");
  const firmware = dirname(file);
  rmSync(join(firmware, "locks"), { recursive: true });
  mkdirSync(join(firmware, "locks"));
  writeFileSync(join(firmware, "roles/air.role.hcl"), AIR);
  writeFileSync(file, readFileSync(file, "utf8").replace('roles = ["lean"]', 'roles = ["lean", "wifi", "air"]'));
  const read = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, "utf8") : undefined);
  const build = readBuild(file, read, { target: "amd64", flavour: "minimal" });
  if (!build.ok) throw new Error(build.error.message);
  return build.value;
}
