import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { createEnv } from "#base/platform/create-env.ts";
import { layOutFlashed } from "#os-image/firmware/build/flashed.ts";
import { grubEnvironment } from "#os-image/firmware/build/grub.ts";
import {
  condemned,
  confirmed,
  DEFAULT_ENV,
  formatBootEnv,
  nextSlot,
  parseBootEnv,
  resetting,
  type BootEnv,
} from "#os-image/firmware/node/boot-env.ts";
import { addToChannel, readChannel } from "#os-image/firmware/node/channel.ts";
import { tellFlashed } from "#os-image/firmware/node/flashed.ts";
import { readImagerSeed } from "#os-image/firmware/node/imager-seeds.ts";
import {
  isOnTrial,
  readBootEnv,
  readUpdateRecord,
  runningSlot,
  startsOf,
  troublesOf,
  versionIn,
  writeBootEnv,
  writeUpdateRecord,
} from "#os-image/firmware/node/machine.ts";
import { dhcpcdSettings } from "#os-image/firmware/node/network-settings.ts";
import { MAX_SEED_BYTES, readSeed } from "#os-image/firmware/node/seed.ts";
import { wifiSettings } from "#os-image/firmware/node/wifi-settings.ts";
import { readWear, wearLines } from "#os-image/firmware/node/wear.ts";
import { chooseUpdate } from "#os-image/firmware/node/stick.ts";
import { judgeStart, type UpdateRecord } from "#os-image/firmware/node/update-record.ts";
import { country, imagerFiles, keys, psk, ssid } from "./imager-files.ts";
import { AwaitedNetwork } from "./awaited-network.ts";
import { startedNetwork } from "./started-network.ts";

const env = (changes: Readonly<Record<string, string>> = {}): BootEnv =>
  new Map([...DEFAULT_ENV, ...Object.entries(changes)]);

test("the boot environment is read as it was written, and nothing else is taken for one", (t) => {
  const words = fc.constantFrom("A B", "B A", "0", "1", "2", "3");
  fc.assert(
    fc.property(words, words, words, (order, a, b) => {
      const wanted = env({ ORDER: order, A_TRY: a, B_OK: b });
      const bytes = formatBootEnv(wanted);
      if (bytes === undefined) throw new Error("does not fit");
      if (bytes.length !== 1024 || bytes.subarray(512).some((byte) => byte !== 0x23))
        throw new Error("second sector used");
      const back = parseBootEnv(bytes);
      if (JSON.stringify([...(back ?? [])]) !== JSON.stringify([...wanted])) throw new Error("differs");
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1100 }), (bytes) => void parseBootEnv(bytes)));
  t.is(parseBootEnv(Buffer.alloc(1024)), undefined);
  t.deepEqual([...(parseBootEnv(Buffer.from(grubEnvironment({ A_OK: "1" }))) ?? [])], [["A_OK", "1"]]);
  t.is(formatBootEnv(env({ A_OK: "x".repeat(600) })), undefined);
});

test("the slot that starts next", (t) => {
  t.is(nextSlot(env()), "A");
  t.is(nextSlot(env({ ORDER: "B A", B_OK: "1" })), "B");
  t.is(nextSlot(env({ ORDER: "B A", B_OK: "1", B_TRY: "3" })), "A", "three starts without a word");
  t.is(nextSlot(env({ ORDER: "B A", B_OK: "0" })), "A");
  t.is(nextSlot(env({ A_TRY: "3" })), "A", "better than standing still");
  t.is(nextSlot(env({ A_OK: "0", B_OK: "0" })), "A");
  t.is(nextSlot(confirmed(env({ B_TRY: "2" }), "B")), "B");
  t.is(nextSlot(condemned(confirmed(env(), "B"), "B")), "A");
  t.is(resetting(env(), "all").get("RESET"), "all");
  t.is(resetting(env({ RESET: "off" }), "data").get("RESET"), "dat", "of one length, so that nothing moves");
});

const record: UpdateRecord = {
  schema: 1,
  state: "installed",
  slot: "B",
  version: "2.0.0",
  from: "1.0.0",
  at: "2026-01-01T00:00:00Z",
  hadNetwork: true,
  hadCluster: true,
  ran: [{ alloc: "3f2a", name: "web.cache[0]", tasks: { redis: { attempt: "3f2a/redis/1", restarts: 0 } } }],
};

test("what follows a start", (t) => {
  const judge = (changes: Partial<Parameters<typeof judgeStart>[0]>): ReturnType<typeof judgeStart> =>
    judgeStart({ slot: "B", record, problems: [], starts: 1, ...changes });
  t.like(judge({}), { kind: "confirm", record: { state: "confirmed", ran: [] } });
  t.like(judge({ problems: ["the agent does not answer"] }), {
    kind: "go-back",
    record: { state: "failed", reason: "the agent does not answer" },
  });
  t.like(judge({ slot: "A", starts: 0 }), { kind: "confirm", record: { state: "failed" } });
  t.regex(judge({ slot: "A", starts: 0 }).record?.reason ?? "", /does not start/);
  t.regex(judge({ slot: "A", starts: 3 }).record?.reason ?? "", /started 3 times/);
  t.regex(judge({ slot: "A", record: { ...record, state: "installing" } }).record?.reason ?? "", /cut short/);
  t.is(
    judge({ slot: "A", left: "the agent's program does not run" }).record?.reason,
    "the agent's program does not run",
  );
  t.like(judge({ record: undefined }), { kind: "confirm", record: undefined });
  t.like(judge({ record: { ...record, state: "confirmed" }, problems: ["x"] }), { kind: "stay" });
  t.like(judge({ record: undefined, problems: ["x"] }), { kind: "stay", record: undefined });
});

test("a seed as Windows leaves it is read", (t) => {
  const text = [
    'hostname = "kitchen"',
    'timezone = "Europe/Berlin"',
    'ssh_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@laptop"]',
    'network {\n  address = "192.168.1.5/24"\n  gateway = "192.168.1.1"\n  dns = ["1.1.1.1"]\n}',
    'join {\n  address = "192.168.1.4"\n  token = "lares1.abc.def.ghi"\n}',
    'role = "client"',
  ].join("\n");
  const plain = readSeed(Buffer.from(text));
  t.deepEqual(plain.troubles, []);
  t.like(plain.seed, { hostname: "kitchen", timezone: "Europe/Berlin", role: "client" });
  t.deepEqual(plain.seed.join, { address: "192.168.1.4", token: "lares1.abc.def.ghi" });
  for (const bytes of [
    Buffer.from(text.replaceAll("\n", "\r\n")),
    Buffer.from(`\uFEFF${text}`),
    Buffer.from(text.replaceAll("\n", "\r")),
    Buffer.from(`\uFEFF${text}`, "utf16le"),
  ])
    t.deepEqual(readSeed(bytes), plain);
  const { network } = plain.seed;
  t.is(
    network && dhcpcdSettings(network),
    "\ninterface @WIRED@\nstatic ip_address=192.168.1.5/24\nstatic routers=192.168.1.1\nstatic domain_name_servers=1.1.1.1\n",
  );
});

test("of a seed with mistakes the rest counts, and no secret is repeated", (t) => {
  const { seed, troubles } = readSeed(
    Buffer.from(
      'hostname = "Kitchen!"\ntimezone = "Europe/Berlin"\nhostnam = "x"\njoin {\n  address = "a"\n  token = "hunter2"\n}\nrole = 5\n',
    ),
  );
  t.is(seed.hostname, undefined);
  t.is(seed.timezone, "Europe/Berlin");
  t.is(seed.join, undefined);
  t.is(troubles.length, 4);
  t.true(
    troubles.some((each) => /lares\.hcl:3: .*hostnam/.test(each)),
    troubles.join("\n"),
  );
  t.true(
    troubles.some((each) => each.startsWith("join.token: expected what")),
    troubles.join("\n"),
  );
  t.false(troubles.join("\n").includes("hunter2"));
  t.regex(readSeed(Buffer.alloc(MAX_SEED_BYTES + 1)).troubles[0] ?? "", /at most/);
  t.regex(readSeed(Buffer.from("hostname = {")).troubles[0] ?? "", /lares\.hcl:1/);
});

test("any bytes are a seed, or refused", (t) => {
  const piece = fc.constantFrom(
    "hostname",
    "=",
    '"x"',
    "{",
    "}",
    "network",
    "join",
    "\r\n",
    "[",
    "]",
    "${",
    "\uFEFF",
    "ssh_keys",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => void readSeed(Buffer.from(pieces.join(" ")))));
  const names = ["custom.toml", "rpi-preseed.toml", "firstrun.sh", "user-data", "network-config"];
  const said = fc.constantFrom(
    "[ssh]",
    "[wlan]",
    "authorized_keys = [",
    "]",
    "ssid = ",
    "hostname = ",
    '"',
    "'",
    "\\",
    "\\u00e9",
    "#",
    ",",
    "\n",
    "$",
    "imager_custom set_hostname ",
    "imager_custom enable_ssh -k ",
    "imager_custom set_wlan ",
    "IMAGER_HOSTNAME=",
    '"$IMAGER_HOSTNAME"',
    "hostname: ",
    "user:\n",
    "  ssh_authorized_keys:\n",
    "    - ",
    "network:\n",
    "  wifis:\n",
    "    wlan0:\n",
    "&a ",
    "*a",
  );
  const text = fc.array(said, { maxLength: 25 }).map((pieces) => Buffer.from(pieces.join("")));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), text), fc.constantFrom(...names), (bytes, name) => {
      readSeed(bytes);
      const found = readImagerSeed(name, bytes);
      if (found === undefined || !Array.isArray(found.seed.sshKeys)) throw new Error("not read");
    }),
  );
  t.pass();
});

test("what Imager leaves is taken for the same wishes", (t) => {
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@laptop";
  const toml = `config_version = 1\r\n[system]\r\nhostname = "kitchen"\r\n[user]\r\nname = "pi"\r\npassword = "secret"\r\n[ssh]\r\nauthorized_keys = [ "${key}" ]\r\n[locale]\r\ntimezone = "Europe/Berlin"\r\n`;
  const script = `#!/bin/bash\n   /usr/lib/raspberrypi-sys-mods/imager_custom set_hostname kitchen\n   imager_custom enable_ssh -k '${key}'\n   imager_custom set_timezone 'Europe/Berlin'\nexit 0\n`;
  const cloud = `#cloud-config\nhostname: kitchen\ntimezone: Europe/Berlin\nusers:\n- name: pi\n  ssh_authorized_keys:\n    - ${key}\n`;
  for (const [name, text] of [
    ["custom.toml", toml],
    ["firstrun.sh", script],
    ["user-data", cloud],
  ] as const) {
    const found = readImagerSeed(name, Buffer.from(text));
    t.deepEqual(found?.troubles, [], name);
    t.like(found?.seed, { hostname: "kitchen", timezone: "Europe/Berlin", sshKeys: [key] }, name);
    t.false(JSON.stringify(found).includes("secret"));
  }
  t.is(readImagerSeed("other", Buffer.from("")), undefined);
});

test("what Imager 2 writes of each of its formats is read", (t) => {
  const wanted = { hostname: "kitchen", timezone: "Europe/Berlin", sshKeys: keys };
  const wifi = { ssid, password: psk, country, hidden: true };
  const { preseed, script, cloud, network } = imagerFiles;
  const read = (name: string, text: string) => readImagerSeed(name, Buffer.from(text));
  for (const [name, text, seed] of [
    ["rpi-preseed.toml", preseed, { ...wanted, wifi }],
    ["firstrun.sh", script, { ...wanted, wifi }],
    ["user-data", cloud, wanted],
    ["network-config", network, { wifi }],
  ] as const) {
    const found = read(name, text);
    t.deepEqual(found?.troubles, [], name);
    t.like(found?.seed, seed, name);
    t.deepEqual(found, read(name, text.replaceAll("\n", "\r\n")), name);
    t.false(JSON.stringify(found).includes("hunter2"), name);
  }
  const open = network.replace(`password: "${psk}"`, "auth:\n            key-management: none");
  t.deepEqual(read("network-config", open)?.seed.wifi, { ...wifi, password: undefined });
  t.is(read("network-config", network.replace("Caf\\xc3\\xa9", "Café"))?.seed.wifi?.ssid, ssid, "as Imager 1 wrote it");
  t.deepEqual(read("user-data", cloud.replace("user:\n  name:", "users:\n- name:"))?.seed.sshKeys, keys);
  const bytes = read("rpi-preseed.toml", preseed.replace(/^ssid = .*$/m, 'ssid_hex = "436166e9"'));
  t.is(bytes?.seed.wifi, undefined);
  t.regex(bytes?.troubles.join() ?? "", /no UTF-8 text/);
  t.regex(read("firstrun.sh", script.replace(/^.*set_wlan.*$/m, ""))?.troubles.join() ?? "", /no UTF-8 text/);
  const one = read("rpi-preseed.toml", preseed.replace("sk-ssh-ed25519@openssh.com", "ssh-dss"));
  t.deepEqual(one?.seed.sshKeys, keys.slice(0, 1), "the other one counts");
  t.deepEqual(one?.troubles, ["sshKeys.1: expected a public key, as in id_ed25519.pub"]);
});

test("a wireless network is taken from any seed, and written so that nothing in it means something else", (t) => {
  const wifi = { ssid: 'It\'s "home"', password: 'p\'ss "word"', country: "DE", hidden: true };
  const own = `wifi {\r\n  ssid = "It's \\"home\\""\r\n  password = "p'ss \\"word\\""\r\n  country = "DE"\r\n  hidden = true\r\n}\r\n`;
  t.like(readSeed(Buffer.from(own)), { seed: { wifi }, troubles: [] });
  const key = "0123456789abcdef".repeat(4);
  const seeds = {
    "custom.toml": `[wlan]\nssid = "Home net"\npassword = "${key}"\npassword_encrypted = true\nhidden = true\ncountry = "de"\n`,
    "firstrun.sh": `if [ -f x ]; then\n   /usr/lib/raspberrypi-sys-mods/imager_custom set_wlan -h 'Home net' '${key}' 'DE'\nelse\n`,
    "network-config": `network:\n  version: 2\n  wifis:\n    wlan0:\n      dhcp4: true\n      regulatory-domain: "DE"\n      access-points:\n        "Home net":\n          password: "${key}"\n          hidden: true\n      optional: true\n`,
  };
  for (const [name, text] of Object.entries(seeds))
    t.like(
      readImagerSeed(name, Buffer.from(text)),
      { seed: { wifi: { ssid: "Home net", password: key, country: "DE", hidden: true } }, troubles: [] },
      name,
    );
  t.is(readImagerSeed("custom.toml", Buffer.from('[wlan]\nssid = ""\n'))?.seed.wifi, undefined);
  const quoted = readImagerSeed("firstrun.sh", Buffer.from("imager_custom set_wlan 'It'\\''s' 'password' 'DE'\n"));
  t.is(quoted?.seed.wifi?.ssid, "It's");
  const lines = wifiSettings(wifi);
  t.regex(lines, /^ {2}ssid=4974277320.*$/m, "as bytes");
  t.regex(lines, /^ {2}psk="p'ss "word""$/m, "wpa_supplicant takes what is between the first and the last quote");
  t.regex(lines, /^country=DE$[^]*key_mgmt=.* SAE$[^]*scan_ssid=1|scan_ssid=1[^]*SAE$/m);
  t.regex(wifiSettings({ ...wifi, password: key }), new RegExp(`psk=${key}$`, "m"), "a key as it is");
  t.notRegex(wifiSettings({ ...wifi, password: key }), /SAE/, "which WPA3 cannot take");
  t.regex(wifiSettings({ ssid: "x", hidden: false }), /key_mgmt=NONE/);
  for (const wrong of [
    'ssid = ""',
    `ssid = "${"x".repeat(33)}"`,
    'ssid = "x"\n password = "short1"',
    'ssid = "x"\n country = "Germany"',
  ]) {
    const found = readSeed(Buffer.from(`hostname = "kitchen"\nwifi {\n ${wrong}\n}\n`));
    t.is(found.seed.wifi, undefined, wrong);
    t.is(found.seed.hostname, "kitchen", "the rest counts");
    t.is(found.troubles.length, 1, wrong);
    t.false(JSON.stringify(found.troubles).includes("short1"), "a password is not shown");
  }
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
      fc.stringMatching(/^[ -~]{8,63}$/),
      (ssid, password) => {
        const text = wifiSettings({ ssid, password, hidden: false });
        if (text.split("\n").length !== 8) throw new Error("a line more or less");
      },
    ),
  );
});

test("the machine's own files", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-machine-"));
  const system = createEnv({ logLevel: "error" });
  try {
    const places = { run: join(folder, "run"), state: join(folder, "state"), boot: join(folder, "boot") };
    for (const path of ["run", "state", "boot/grub"]) mkdirSync(join(folder, path), { recursive: true });
    t.is(await runningSlot(places), undefined);
    t.is(await readUpdateRecord(places), undefined);
    t.deepEqual(await readBootEnv(places), DEFAULT_ENV, "none: as GRUB takes it");
    writeFileSync(join(places.run, "slot"), "B\n");
    writeFileSync(join(places.run, "troubles"), "one\ntwo\n");
    writeFileSync(join(places.state, "starts"), "B\nB\n");
    writeFileSync(join(places.boot, "grub/grubenv"), grubEnvironment({ ORDER: "A B" }));
    t.is(await runningSlot(places), "B");
    t.deepEqual(await troublesOf(places), ["one", "two"]);
    t.is(await startsOf(places, "B"), 2);
    await writeUpdateRecord(places, record);
    t.deepEqual(await readUpdateRecord(places), record);
    const { hadCluster, ...older } = record;
    writeFileSync(join(places.state, "update.json"), JSON.stringify(older));
    t.deepEqual(await readUpdateRecord(places), { ...record, hadCluster: !hadCluster }, "as versions before wrote it");
    writeFileSync(join(places.state, "update.json"), "{");
    t.is(await readUpdateRecord(places), undefined, "damaged: as if there was none");
    t.true((await writeBootEnv(places, confirmed(DEFAULT_ENV, "B"), system.exec)).ok);
    t.is(nextSlot(await readBootEnv(places)), "B");
    t.is(readFileSync(join(places.boot, "grub/grubenv")).length, 1024);
    const damaged = [undefined, "", "x".repeat(1024), `${grubEnvironment({ A_OK: "1" })}#`];
    for (const text of damaged) {
      rmSync(join(places.boot, "grub/grubenv"));
      if (text !== undefined) writeFileSync(join(places.boot, "grub/grubenv"), text);
      t.deepEqual(await readBootEnv(places), DEFAULT_ENV);
      t.true((await writeBootEnv(places, confirmed(DEFAULT_ENV, "B"), system.exec)).ok);
      t.is(nextSlot(await readBootEnv(places)), "B");
    }
    t.is(versionIn("NAME=Lares\nVERSION_ID=1.2.3\n"), "1.2.3");
  } finally {
    system.close();
    rmSync(folder, { recursive: true });
  }
});

const at = { address: "10.7.0.5/24", gateway: "10.7.0.1", dns: ["10.7.0.1", "1.1.1.1"] };
const STATIC = "static ip_address=10.7.0.5/24\nstatic routers=10.7.0.1\nstatic domain_name_servers=10.7.0.1 1.1.1.1\n";
const withNetwork = process.getuid?.() === 0 ? test : test.skip;

withNetwork("a fixed address is that of the first wired card, or of the one that is named", (t) => {
  const first = startedNetwork(t, { card: "enp9", settings: dhcpcdSettings(at) });
  t.is(first.shown, "enp9 10.7.0.5/24\n10.7.0.1 enp9\n");
  t.true(first.settings.endsWith(`nodev\nscript /bin/true\n\ninterface enp9\n${STATIC}`), first.settings);
  t.is(first.asked, "", "nothing is made");
  t.is(
    startedNetwork(t, { card: "enx0", settings: dhcpcdSettings({ ...at, interface: "enx0" }) }).shown,
    "enx0 10.7.0.5/24\n10.7.0.1 enx0\n",
  );
});

withNetwork("the first wired card is called as udev will call it", (t) => {
  const late = startedNetwork(t, { card: "enp9", before: "eth0", settings: dhcpcdSettings(at) });
  t.is(late.shown, "enp9 10.7.0.5/24\n10.7.0.1 enp9\n");
});

withNetwork("of a VLAN the link is made, and it alone gets the address", (t) => {
  const seeded = readSeed(
    Buffer.from(
      'network {\n  interface = "enp9"\n  vlan = 7\n  address = "10.7.0.5/24"\n  gateway = "10.7.0.1"\n  dns = ["10.7.0.1", "1.1.1.1"]\n}\n',
    ),
  );
  t.deepEqual(seeded.seed.network, { ...at, interface: "enp9", vlan: 7 });
  for (const settings of [dhcpcdSettings({ ...at, interface: "enp9", vlan: 7 }), dhcpcdSettings({ ...at, vlan: 7 })]) {
    const made = startedNetwork(t, { card: "enp9", settings });
    t.is(
      made.asked,
      "link set enp9 up\nlink show enp9.7\nlink add link enp9 name enp9.7 type vlan id 7\nlink set enp9.7 up\n",
    );
    t.true(made.settings.endsWith(`\n\ndenyinterfaces enp9\ninterface enp9.7\n${STATIC}`), made.settings);
    t.is(made.shown, "enp9.7 10.7.0.5/24\n10.7.0.1 enp9.7\n");
    t.is(made.troubles, "");
  }
});

test("servers of time that the network names are asked, until its address is gone", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-hook-"));
  try {
    const script = new URL("../../../../os-image/firmware/files/dhcpcd-hook.sh", import.meta.url).pathname;
    const hear = (reason: string, servers: string): string => {
      const env = { PATH: folder, LARES_SOURCES: folder, interface: "eth0", reason, new_ntp_servers: servers };
      execFileSync("/bin/sh", ["-c", `PATH=/usr/bin:/bin; chronyc() { echo told >>${folder}/log; }; . ${script}`], {
        env,
      });
      const path = join(folder, "eth0.sources");
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    };
    t.is(hear("BOUND", ""), "");
    t.is(hear("BOUND", "10.0.0.1 10.0.0.2"), "server 10.0.0.1 iburst\nserver 10.0.0.2 iburst\n");
    t.is(hear("RENEW", "10.0.0.1 10.0.0.2"), "server 10.0.0.1 iburst\nserver 10.0.0.2 iburst\n");
    t.is(readFileSync(join(folder, "log"), "utf8"), "told\n", "what is known is not told again");
    t.is(hear("REBIND", "10.0.0.3"), "server 10.0.0.3 iburst\n");
    t.is(hear("EXPIRE", "10.0.0.3"), "");
    t.is(readFileSync(join(folder, "log"), "utf8"), "told\ntold\ntold\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

withNetwork("a VLAN's link has a name that the kernel takes, and one that cannot be made is told", (t) => {
  const long = startedNetwork(t, { card: "enxb827eb123456", settings: dhcpcdSettings({ ...at, vlan: 4094 }) });
  t.regex(long.asked, /^link add link enxb827eb123456 name e7eb123456\.4094 type vlan id 4094$/m);
  t.is(long.shown, "e7eb123456.4094 10.7.0.5/24\n10.7.0.1 e7eb123456.4094\n");
  const none = startedNetwork(t, {
    card: "enp9",
    settings: dhcpcdSettings({ ...at, interface: "enp8", vlan: 7 }),
    tries: 0,
  });
  t.is(none.troubles, "there is no VLAN 7 on enp8\n");
});

test("a start waits for a way out, and behind an emulator's NAT for the other cards, but not for ever", async (t) => {
  t.is(await new AwaitedNetwork(t, "house").left(), "network", "what a second card is for nobody knows");
  t.is(await new AwaitedNetwork(t, "natAndLan").left(), "network");
  for (const routes of ["none", "nat"] as const)
    t.is(await new AwaitedNetwork(t, routes, 2).left(), "network no-network", routes);
  const late = new AwaitedNetwork(t, "nat");
  late.becomes("natAndLan");
  t.is(await late.left(), "network");
});

test("what was written to the disk is told, and when it is worn out", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "lares-wear-"));
  const put = (path: string, text: string): void => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  try {
    put("proc/uptime", "172800.5 1.0\n");
    put("proc/mounts", "/dev/mmcblk0p7 /var ext4 ro,noatime 0 0\n");
    put("sys/class/block/mmcblk0/stat", "  1 2 3 4 5 6 20480 8 9 10 11\n");
    put("sys/class/block/mmcblk0/ro", "0\n");
    put("sys/class/block/mmcblk0/device/life_time", "0x01 0x03\n");
    put("sys/fs/ext4/mmcblk0p7/lifetime_write_kbytes", "2048\n");
    const wear = await readWear("mmcblk0", root);
    t.like(wear, { writtenBytes: 10_485_760, dataBytes: 2_097_152, lifeUsedPercent: 30, readOnly: true });
    t.deepEqual(wearLines(wear), [
      "disk:           mmcblk0, read-only: it is worn out or damaged",
      "since start:    10.0 MiB in 48.0 hours, 5.0 MiB a day",
      "data partition: 2.0 MiB since it was made",
      "life used:      up to 30 %, by the disk's own word",
    ]);
    put("sys/class/block/sda/ro", "0\n");
    put("proc/mounts", "/dev/sda7 /var ext4 rw,noatime,emergency_ro 0 0\n");
    t.true((await readWear("sda", root)).readOnly);
    put("proc/mounts", "/dev/sda7 /var ext4 rw,noatime,errors=remount-ro 0 0\n");
    t.false((await readWear("sda", root)).readOnly);
    t.like(await readWear("sda", root), { writtenBytes: 0, dataBytes: undefined, lifeUsedPercent: undefined });
    put("proc/mounts", "/dev/nvme0n1p1 /var ext4 rw,noatime 0 0\n");
    put("sys/fs/ext4/nvme0n1p1/lifetime_write_kbytes", "1024\n");
    t.is((await readWear("sda", root)).dataBytes, 1_048_576, "data lie on a second disk");
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("a channel names the newest update of each kind of machine", (t) => {
  const first = addToChannel(undefined, "lares-rpi", { version: "1.0.0", bundle: "r.raucb" });
  const both = addToChannel(first, "lares-amd64", { version: "1.0.0", bundle: "a.raucb" });
  const newer = addToChannel(both, "lares-rpi", { version: "1.1.0", bundle: "r2.raucb" });
  t.deepEqual(readChannel(newer, "lares-rpi"), { ok: true, value: { version: "1.1.0", bundle: "r2.raucb" } });
  t.deepEqual(readChannel(newer, "lares-amd64"), { ok: true, value: { version: "1.0.0", bundle: "a.raucb" } });
  t.deepEqual(addToChannel("no channel", "x", { version: "1", bundle: "b" }).includes('"x"'), true);
  const missing = readChannel(newer, "toString");
  t.regex(missing.ok ? "" : missing.error.message, /nothing for toString, but for lares-amd64, lares-rpi/);
  for (const text of ["", "[]", "null", '{"schema":2,"updates":{}}', '{"schema":1,"updates":{"x":{"version":1}}}'])
    t.false(readChannel(text, "x").ok, text);
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => !readChannel(text, "x").ok));
});

test("of a stick's updates the newest is taken, and never one that failed here", (t) => {
  const update = (version: string) => ({ file: `/stick/${version}.raucb`, version });
  const failed = (version: string): UpdateRecord => ({
    schema: 1,
    state: "failed",
    slot: "B",
    version,
    from: "1.0.0",
    at: "2026-01-01T00:00:00Z",
    hadNetwork: true,
    hadCluster: true,
    ran: [],
    reason: "the agent does not answer",
  });
  const all = [update("1.9.0"), update("1.10.0"), update("what")];
  t.deepEqual(chooseUpdate(all, "1.0.0", undefined), { kind: "take", update: update("1.10.0") });
  t.deepEqual(chooseUpdate(all, "1.0.0", { ...failed("1.10.0"), state: "confirmed" }).kind, "take");
  const passed = chooseUpdate(all, "1.0.0", failed("1.10.0"));
  t.regex(passed.kind === "pass" ? passed.why : "", /1\.10\.0 failed here before: the agent does not answer/);
  t.is(chooseUpdate(all, "1.10.0", undefined).kind, "pass");
  t.is(chooseUpdate([], "1.0.0", undefined).kind, "pass");
  t.is(chooseUpdate([update("what")], "1.0.0", undefined).kind, "pass", "what is no version is older");
  const fixed = [update("1.0.0.9"), update("1.0.0.10"), update("1.0.0")];
  t.deepEqual(
    chooseUpdate(fixed, "1.0.0", undefined),
    { kind: "take", update: update("1.0.0.10") },
    "packages got fixes",
  );
  t.is(chooseUpdate(fixed, "1.0.0.10", undefined).kind, "pass");
});

test("the first update need not read what was flashed; nothing is told of slots that are not as flashed", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-flashed-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const places = { run: join(folder, "run"), state: join(folder, "state"), boot: join(folder, "boot") };
  for (const path of [join(places.run, "disk"), places.boot]) mkdirSync(path, { recursive: true });
  const block = (byte: number): Buffer => Buffer.alloc(4096, byte);
  const slot = (name: string, ...blocks: readonly Buffer[]): void =>
    writeFileSync(join(places.run, "disk", name), Buffer.concat(blocks));
  const sha256 = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();
  const image = Buffer.concat([block(1), block(2), block(3)]);
  const asFlashed = (): void => {
    for (const part of ["root", "kernel"]) {
      writeFileSync(join(folder, `${part}.img`), image);
      // The partition is larger than what was flashed, and the other one is empty.
      slot(`${part}-a`, image, block(0));
      slot(`${part}-b`, block(0), block(0));
    }
  };
  asFlashed();
  await layOutFlashed({ images: folder, boot: places.boot, compatible: "lares-amd64", version: "1.2.3" });
  let made = 0;
  const told = async (running: "A" | "B" = "A", before?: string): Promise<string> => {
    const rauc = join(folder, `rauc-${made++}`);
    mkdirSync(rauc);
    if (before !== undefined) writeFileSync(join(rauc, "central.raucs"), before);
    await tellFlashed(places, running, rauc);
    return existsSync(join(rauc, "central.raucs")) ? rauc : "";
  };
  const rauc = await told();
  const states = readFileSync(join(rauc, "central.raucs"), "utf8");
  const digest = sha256(image).toString("hex");
  t.true(
    states.includes(
      `[slot.rootfs.0]\nbundle.compatible=lares-amd64\nbundle.version=1.2.3\nstatus=ok\nsha256=${digest}\nsize=12288\n`,
    ),
  );
  const index = (name: string, hash: string): Buffer =>
    readFileSync(join(rauc, `slot.${name}`, `hash-${hash}`, "block-hash-index"));
  t.deepEqual(index("kernel.0", digest), Buffer.concat([sha256(block(1)), sha256(block(2)), sha256(block(3))]));
  t.deepEqual(index("rootfs.1", sha256(block(0)).toString("hex")), sha256(block(0)));
  t.is(await told("B"), "");
  const own = "[slot.rootfs.1]\n";
  t.is(readFileSync(join(await told("A", own), "central.raucs"), "utf8"), own);
  slot("root-a", block(1), block(2), block(4));
  t.is(await told(), "");
  asFlashed();
  slot("kernel-b", block(9));
  t.is(await told(), "");
  rmSync(join(places.boot, "rauc"), { recursive: true });
  await t.throwsAsync(told(), { code: "ENOENT" });
});

test("a start is on trial until it was judged well, and only where there is another slot", (t) => {
  const run = mkdtempSync(join(tmpdir(), "lares-trial-"));
  t.teardown(() => rmSync(run, { recursive: true, force: true }));
  const places = { run, state: run, boot: run };
  t.false(isOnTrial(places));
  writeFileSync(join(run, "slot"), "B\n");
  t.true(isOnTrial(places));
  for (const [kind, wanted] of [
    ["go-back", true],
    ["confirm", false],
  ] as const) {
    writeFileSync(join(run, "judged"), kind);
    t.is(isOnTrial(places), wanted);
  }
  rmSync(join(run, "judged"));
  writeFileSync(join(run, "from-network"), "");
  t.false(isOnTrial(places));
});
