import test from "ava";
import { compileSettings } from "#daemons/dhcp/settings/compile.ts";
import { INFINITE_MS } from "#daemons/dhcp/settings/settings.ts";
import { examplesIn } from "#test/documents.ts";

const NET = { network: "192.168.1.0/24", interface: "lan0" };

test("defaults, inheritance, and networks by their base", (t) => {
  const made = compileSettings({
    domain: "lan",
    subnets: [
      { network: "192.168.1.7/24", pools: ["192.168.1.10-192.168.1.20", "192.168.1.30"] },
      { network: "10.0.0.0/8", leaseTime: "infinite", domain: "x" },
    ],
  });
  if (!made.ok) return t.fail(made.error.message);
  const [first, second] = made.value.subnets;
  t.deepEqual([first?.id, first?.leaseMs, first?.domain], ["192.168.1.0/24", 12 * 3_600_000, "lan"]);
  t.deepEqual(
    first?.pools.map((pool) => pool.last - pool.first + 1),
    [11, 1],
  );
  t.deepEqual([second?.leaseMs, second?.domain], [INFINITE_MS, "x"]);
  t.true(made.value.authoritative && made.value.probe && !made.value.rapidCommit);
});

const WRONG: readonly (readonly [raw: unknown, expected: RegExp])[] = [
  [{}, /subnets/],
  [{ subnets: [] }, /at least one subnet/],
  [{ subnets: [NET], leasetime: "1h" }, /leasetime/],
  [{ subnets: [{ ...NET, network: "192.168.1.0" }] }, /subnets\[0\]: network "192\.168\.1\.0"/],
  [{ subnets: [{ ...NET, network: "192.168.1.0/31" }] }, /does not read/],
  [
    { subnets: [{ ...NET, pools: ["192.168.1.20-192.168.1.10"] }] },
    /pools\[0\]: "192.168.1.20-192.168.1.10" is no range/,
  ],
  [{ subnets: [{ ...NET, pools: ["192.168.2.1-192.168.2.9"] }] }, /not within the usable/],
  [{ subnets: [{ ...NET, pools: ["192.168.1.0-192.168.1.9"] }] }, /not within the usable/],
  [{ subnets: [{ ...NET, pools: ["192.168.1.1-192.168.1.9", "192.168.1.9"] }] }, /overlaps/],
  [{ subnets: [NET, NET] }, /stands there twice/],
  [{ subnets: [NET], leaseTime: "soon" }, /durations/],
  [{ subnets: [{ ...NET, leaseTime: "10" }] }, /"10" is no duration/],
  [{ subnets: [NET], options: { rooter: "1.1.1.1" } }, /no DHCP option "rooter"/],
  [{ subnets: [NET], options: { router: "1.1.1" } }, /option router: "1\.1\.1"/],
  [{ subnets: [NET], options: { "server-id": "1.1.1.1" } }, /the server's own/],
  [{ subnets: [NET], options: { "224:colour": "red" } }, /"colour" is no kind/],
  [{ subnets: [NET], force: ["300"] }, /no DHCP option "300"/],
  [{ subnets: [NET], reservations: [{ address: "192.168.1.5" }] }, /needs a mac/],
  [{ subnets: [NET], reservations: [{ mac: "02:00" }] }, /"02:00" is not a hardware address/],
  [{ subnets: [NET], reservations: [{ mac: "02:00:00:00:00:01", address: "x" }] }, /address "x"/],
  [
    { subnets: [NET], reservations: ["a", "b"].map((hostname) => ({ hostname, address: "192.168.1.5" })) },
    /two reservations are for 192\.168\.1\.5/,
  ],
  [{ subnets: [NET], reservations: [{ clientId: "zz" }] }, /clientId "zz"/],
  [{ subnets: [NET], boot: [{ server: "tftp" }] }, /boot\[0\]: server "tftp"/],
];

for (const [raw, expected] of WRONG)
  test(`refused: ${JSON.stringify(raw)}`, (t) => {
    const made = compileSettings(raw);
    t.regex(made.ok ? "" : made.error.message, expected);
  });

test("an unknown key is told with its place, and the nearest one there", (t) => {
  const inSubnet = compileSettings({ subnets: [{ network: "192.168.1.0/24", interfaze: "eth0" }] });
  const [message, hint] = inSubnet.ok ? [] : [inSubnet.error.message, inSubnet.error.hint];
  t.is(message, 'there is no setting "subnets.0.interfaze"');
  t.is(hint, 'did you mean "interface"?');
  const inOption = compileSettings({ subnets: [NET], bootpp: "any" });
  t.is(inOption.ok ? "" : inOption.error.hint, 'did you mean "bootp"?');
});

test("a misspelt option is guessed", (t) => {
  const made = compileSettings({ subnets: [NET], options: { "dns-server": "1.1.1.1" } });
  t.is(made.ok ? "" : made.error.hint, 'did you mean "dns-servers"?');
});

test("the document's examples are settings, whole or keys of one", (t) => {
  const examples = examplesIn("dhcp.md", "json");
  t.true(examples.length > 0);
  for (const example of examples) {
    const raw: unknown = JSON.parse(example.startsWith("{") ? example : `{${example}}`);
    const made = compileSettings({ subnets: [NET], ...(typeof raw === "object" ? raw : {}) });
    t.true(made.ok, made.ok ? "" : `${made.error.message}\n${example}`);
  }
});
