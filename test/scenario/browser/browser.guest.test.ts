import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { Lab, until } from "../../daemons/dhcp/server/lab.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
const LARES = [process.execPath, "--disable-warning=ExperimentalWarning", `${ROOT}cli/main.ts`];

const WEB = `
require("node:http").createServer((request, response) => {
  const isPage = request.headers.host === "www.example" && request.url === "/";
  response.setHeader("content-type", isPage ? "text/html" : "text/javascript");
  response.end(isPage
    ? '<p>today</p><script src="http://ads.example/ad.js"></script>'
    : 'document.body.append("an ad from " + "' + request.headers.host + '")');
}).listen(80, () => console.log("up"));
`;

const DNS = `
listen {
  addresses = ["192.168.77.1:53"]
}
upstream {
  servers = ["192.168.77.250"]
}
api {
  addresses = ["127.0.0.1:8053"]
}
rules = [{ id = 1, kind = "deny", match = "exact", text = "ads.example" }]
`;

test("a browser behind our DHCP and DNS: the page loads, what is blocked in it does not, until it is allowed", async (t) => {
  t.timeout(600_000);
  const wire = await Lab.open(t, "br");
  await wire.host("s", "192.168.77.1/24");
  await wire.host("u", "192.168.77.250/24");
  await wire.host("c");
  const web = wire.start("u", [process.execPath, "-e", WEB]);
  const files = ["--conf-file=/dev/null", "--no-resolv", "--no-hosts", `--pid-file=${join(wire.dir, "u.pid")}`];
  wire.start("u", ["dnsmasq", "--keep-in-foreground", ...files, "--address=/example/192.168.77.250", "--user=root"]);
  await until("the world is there", () => web.said().includes("up"));

  writeFileSync(join(wire.dir, "dns.hcl"), DNS);
  const dns = wire.start("s", [...LARES, "role", "dns"], {
    LARES_DNS_CONFIG: join(wire.dir, "dns.hcl"),
    LARES_DNS_DIR: join(wire.dir, "dns"),
  });
  await until("the house resolves", async () => {
    if (dns.exitCode !== null) throw new Error(dns.said());
    const words = ["dig", "@192.168.77.1", "+short", "+time=1", "+tries=1", "www.example"];
    return (await wire.in("s", words).catch(() => "")).trim() === "192.168.77.250";
  });
  const subnet = { network: "192.168.77.0/24", interface: "eth0", pools: ["192.168.77.100-192.168.77.150"] };
  await wire.serve("s", { options: { router: "self", "dns-servers": "self" }, subnets: [subnet] });

  // What every machine in the house does: an address and a resolver by DHCP, then the browser.
  const told = await wire.udhcpc("c");
  t.is(told?.["dns"], "192.168.77.1");
  await wire.in("c", ["ip", "addr", "add", `${told?.["ip"] ?? ""}/24`, "dev", "eth0"]);
  writeFileSync(join(wire.dir, "resolv.conf"), `nameserver ${told?.["dns"] ?? ""}\n`);
  const apart = 'mount --bind "$0" /etc/resolv.conf && exec timeout 50 chromium "$@"';
  const options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
  let visits = 0;
  /** What a person sees. */
  const visit = (url: string): Promise<string> => {
    const words = [...options, `--user-data-dir=${join(wire.dir, `profile${visits++}`)}`, "--dump-dom", url];
    return wire.in("c", ["unshare", "-m", "sh", "-c", apart, join(wire.dir, "resolv.conf"), ...words]);
  };
  const page = await visit("http://www.example/");
  t.regex(page, /today/);
  t.notRegex(page, /an ad from/);
  t.notRegex(await visit("http://ads.example/"), /an ad from/);

  await wire.in("s", [...LARES, "dns", "allow", "ads.example"]);
  await until(
    "it is allowed",
    async () => (await visit("http://www.example/")).includes("an ad from ads.example"),
    300_000,
  );
  const log = await wire.in("s", [...LARES, "dns", "log"]);
  t.regex(log, /ads\.example/);
});
