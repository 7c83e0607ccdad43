import { type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { sourceRoot } from "#base/platform/embedded/files.ts";
import { Lab, until } from "#test/daemons/router/lab.ts";
import type { Bench } from "./harness.ts";

const WORLD = "192.0.2.1";
const LINES = [
  { name: "fiber", device: "eth0", net: "203.0.113" },
  { name: "lte", device: "eth2", net: "198.51.100" },
];

/** How long one program inside, which goes on sending, hears nothing when the line in use is lost. */
export const bench: Bench = {
  name: "router-failover",
  title: "Router: from one line to the other",
  async run(context) {
    if (process.getuid?.() !== 0) return { measures: [], notes: ["network namespaces are root's to make: not run"] };
    const lab = new Lab({ teardown: (end) => context.defer(end) });
    const heard = await openHousehold(lab);
    const measures = await context.takeTurns([
      {
        name: "cable pulled",
        unit: "ms",
        better: "less",
        target: { text: "≤ 2 s", atMost: 2000 },
        turn: () =>
          outage(heard, {
            cut: () => lab.ip("fiber", "link set f0 down"),
            mend: () => lab.ip("fiber", "link set f0 up"),
          }),
      },
      {
        name: "line dead, cable in",
        unit: "ms",
        better: "less",
        target: { text: "≤ 8 s", atMost: 8000 },
        turn: () =>
          outage(heard, {
            cut: () => lab.ip("fiber", "address del 203.0.113.1/24 dev f0"),
            mend: () => lab.ip("fiber", "address add 203.0.113.1/24 dev f0"),
          }),
      },
    ]);
    return {
      measures,
      notes: [
        "two lines in network namespaces, health checked every second and down after two; a ping every 20 ms through NAT",
      ],
    };
  },
};

interface Heard {
  /** Since the program started, in ms: the last two answers that were further apart than usual. */
  longestMs: number;
  lastMs: number;
}

async function openHousehold(lab: Lab): Promise<Heard> {
  for (const { name, device, net } of LINES) {
    lab.connect([name, `${name.charAt(0)}0`], ["router", device]);
    lab.ip(name, `address add ${net}.1/24 dev ${name.charAt(0)}0`);
    lab.ip(name, `address add ${WORLD}/32 dev lo`);
  }
  lab.connect(["client", "c0"], ["router", "eth1"]);
  lab.ip("client", "address add 192.168.1.10/24 dev c0");
  lab.ip("client", "route add default via 192.168.1.1");
  const wan = ({ name, device, net }: (typeof LINES)[number]): string => `wan "${name}" {
  interface = "${device}"
  type      = "static"
  ipv6      = false
  address   = "${net}.9/24"
  gateway   = "${net}.1"
  health {
    targets    = ["${WORLD}"]
    interval   = "1s"
    timeout    = "1s"
    down_after = 2
    up_after   = 2
  }
}
`;
  const lan = 'lan "home" {\n  interface = "eth1"\n  address = "192.168.1.1/24"\n}\n';
  const file = lab.write("router.hcl", LINES.map(wan).join("") + lan);
  const applied = await lab.router("apply", "-auto-confirm", file);
  if (applied.code !== 0) throw new Error(applied.stderr);
  const state = `LARES_ROUTER_STATE=${lab.state}`;
  lab.start("router", "env", state, process.execPath, `${sourceRoot()}/cli/main.ts`, "role", "router");
  const heard = listen(lab.start("client", "ping", "-n", "-i", "0.02", WORLD));
  await until("the world answers", async () => heard.lastMs > 0);
  return heard;
}

function listen(ping: ChildProcess): Heard {
  const heard: Heard = { longestMs: 0, lastMs: 0 };
  if (ping.stdout === null) throw new Error("ping has no output");
  createInterface({ input: ping.stdout }).on("line", (line) => {
    if (!line.includes("bytes from")) return;
    const nowMs = performance.now();
    if (heard.lastMs > 0) heard.longestMs = Math.max(heard.longestMs, nowMs - heard.lastMs);
    heard.lastMs = nowMs;
  });
  return heard;
}

/** After the line is back and in use again, so that every turn begins alike. */
async function outage(
  heard: Heard,
  line: { readonly cut: () => unknown; readonly mend: () => unknown },
): Promise<number> {
  heard.longestMs = 0;
  const cutMs = performance.now();
  line.cut();
  await until(
    "the other line is used",
    async () => heard.lastMs > cutMs + CALM_MS && performance.now() - heard.lastMs < CALM_MS,
  );
  const { longestMs } = heard;
  line.mend();
  await new Promise((resolve) => setTimeout(resolve, BACK_MS));
  return longestMs;
}

const CALM_MS = 500;
/** Two healthy checks, a second apart, and the change. */
const BACK_MS = 5000;
