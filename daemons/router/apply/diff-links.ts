import type { WantedShaper, WantedTunnel } from "../plan/desired.ts";
import type { Owned } from "./owned.ts";
import type { Standing } from "./standing.ts";
import type { Step } from "./step.ts";

/** Keys are handed over as files: wg(8) takes no other way that others could not read. */
export function tunnelSteps(tunnels: readonly WantedTunnel[], standing: Standing, owned: Owned): readonly Step[] {
  return tunnels.flatMap((tunnel) => {
    const before = owned.tunnels[tunnel.device];
    if (standing.links.has(tunnel.device) && before?.signature === JSON.stringify(tunnel)) return [];
    const set = (title: string, ...words: readonly string[]): Step => ({
      title: `~ tunnel ${tunnel.device}: ${title}`,
      argv: ["wg", "set", tunnel.device, ...words],
    });
    const keys = new Set(tunnel.peers.map(({ publicKey }) => publicKey));
    const left = standing.links.has(tunnel.device) ? (before?.peers ?? []).filter((each) => !keys.has(each)) : [];
    return [
      set(`port ${tunnel.port}`, "listen-port", String(tunnel.port), "private-key", tunnel.keyFile),
      ...left.map((each) => set(`without ${each}`, "peer", each, "remove")),
      ...tunnel.peers.map((peer) => set(`peer ${peer.publicKey}`, ...peerWords(peer))),
    ];
  });
}

function peerWords(peer: WantedTunnel["peers"][number]): readonly string[] {
  return [
    "peer",
    peer.publicKey,
    ...(peer.presharedKeyFile === "" ? [] : ["preshared-key", peer.presharedKeyFile]),
    ...(peer.endpoint === "" ? [] : ["endpoint", peer.endpoint]),
    "persistent-keepalive",
    String(peer.keepaliveSeconds),
    "allowed-ips",
    peer.allowed.join(","),
  ];
}

/** CAKE on what leaves; what arrives goes through a queue of its own first (tc-cake(8), tc-mirred(8)). */
export function shaperSteps(shapers: readonly WantedShaper[], standing: Standing, owned: Owned): readonly Step[] {
  const wanted = new Set(shapers.map(({ device }) => device));
  const gone = Object.keys(owned.shapers).filter((device) => !wanted.has(device) && standing.links.has(device));
  return [
    ...shapers.flatMap((shaper) => {
      const stands = standing.shaped.has(shaper.uploadKbit > 0 ? shaper.device : shaper.queue);
      if ((stands && owned.shapers[shaper.device] === JSON.stringify(shaper)) || !standing.links.has(shaper.device))
        return [];
      return [...upload(shaper), ...download(shaper)];
    }),
    ...gone.flatMap((device) => [
      { title: `- queue of ${device}`, argv: ["tc", "qdisc", "delete", "dev", device, "root"], lenient: true },
      {
        title: `- queue of ${device}, inbound`,
        argv: ["tc", "qdisc", "delete", "dev", device, "ingress"],
        lenient: true,
      },
    ]),
  ];
}

function upload({ device, uploadKbit, link }: WantedShaper): readonly Step[] {
  if (uploadKbit === 0) return [];
  const words = ["cake", "bandwidth", `${uploadKbit}kbit`, "nat", "diffserv4", ...(link === "" ? [] : [link])];
  return [
    {
      title: `~ ${device} sends ${uploadKbit} kbit/s at most`,
      argv: ["tc", "qdisc", "replace", "dev", device, "root", ...words],
    },
  ];
}

function download({ device, downloadKbit, queue, link }: WantedShaper): readonly Step[] {
  if (downloadKbit === 0) return [];
  const words = [
    "cake",
    "bandwidth",
    `${downloadKbit}kbit`,
    "nat",
    "wash",
    "besteffort",
    "ingress",
    ...(link === "" ? [] : [link]),
  ];
  const redirect = ["action", "mirred", "egress", "redirect", "dev", queue];
  return [
    {
      title: `~ ${device} receives ${downloadKbit} kbit/s at most`,
      argv: ["tc", "qdisc", "replace", "dev", queue, "root", ...words],
    },
    {
      title: `~ ${device} is queued inbound`,
      argv: ["tc", "qdisc", "replace", "dev", device, "handle", "ffff:", "ingress"],
    },
    {
      title: `~ ${device} inbound goes through ${queue}`,
      argv: [
        "tc",
        "filter",
        "replace",
        "dev",
        device,
        "parent",
        "ffff:",
        "protocol",
        "all",
        "prio",
        "1",
        "handle",
        "1",
        "matchall",
        ...redirect,
      ],
    },
  ];
}
