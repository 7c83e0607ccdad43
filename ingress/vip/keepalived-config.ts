import * as v from "valibot";
import { compileHandlebars } from "#base/client/templates/handlebars.ts";
import type { TemplateData, TemplateFunction } from "#base/client/templates/template.ts";
import type { InterfaceAddress } from "#base/env/net.ts";
import { placeAddress, type VirtualAddress } from "./address.ts";
import { priorityOf, shareAddresses } from "./share.ts";
import { VIP_STATUS_PREFIX, VipStatusSchema } from "./status.ts";

export interface VipFacts {
  readonly addresses: readonly VirtualAddress[];
  /** This node's own addresses, from which the others hear it; one of each family that it has. */
  readonly self: readonly string[];
  readonly interfaces: () => readonly InterfaceAddress[];
  /** Name of the service by which the nodes find each other. */
  readonly service: string;
  /** Between two advertisements. Three that are missed make the address move. */
  readonly advertMs: number;
  /** What keepalived watches: anything but 0 in it says that this node must not hold an address. */
  readonly healthFile: string;
}

/** RFC 5798 counts in hundredths of a second. */
const CENTISECOND_MS = 10;
const SOURCE = `# Written by the ingress; changes made here are lost.
global_defs {
    router_id {{routerId}}
    vrrp_version 3
    vrrp_check_unicast_src
    # A neighbour that lost what it was told hears it again.
    vrrp_garp_master_delay 2
    vrrp_garp_master_repeat 3
    vrrp_garp_master_refresh 60
    # Late advertisements look like a lost node.
    vrrp_priority -10
    vrrp_no_swap
}

track_file haproxy {
    file "{{healthFile}}"
    weight 0
}
{{#each routers}}

vrrp_instance {{name}} {
    state BACKUP
    interface {{interface}}
    virtual_router_id {{router}}
    priority {{priority}}
    advert_int {{../advertSeconds}}
    unicast_src_ip {{source}}
    unicast_peer {
{{#each peers}}
        {{this}}
{{/each}}
    }
    virtual_ipaddress {
        {{cidr}} dev {{device}}
    }
    track_file {
        haproxy
    }
}
{{/each}}
`;

/** keepalived's configuration (version 2 and later) as a function of the catalog: peers are the service's other instances. */
export function keepalivedTemplate(facts: VipFacts): TemplateFunction {
  return compileHandlebars(SOURCE, (data) => model(facts, data));
}

function model(facts: VipFacts, data: TemplateData): object {
  const interfaces = facts.interfaces();
  const nodes = nodesOf(facts, data);
  const peers = peersOf(facts, data, nodes);
  const routers = shareAddresses(facts.addresses, [...nodes, nameOf(facts)]).flatMap(({ address, router, order }) => {
    const source = facts.self.find((own) => own.includes(":") === (address.family === 6)) ?? facts.self[0] ?? "";
    const device = interfaces.find((one) => one.address === source)?.name;
    if (device === undefined) return [];
    const { cidr, device: where } = placeAddress(address, interfaces, device);
    return {
      name: `vip-${router}`,
      interface: device,
      router,
      priority: priorityOf(order, nameOf(facts)),
      source,
      peers: peers.filter((peer) => peer.includes(":") === source.includes(":")),
      cidr,
      device: where,
    };
  });
  return {
    routerId: nameOf(facts).replaceAll(":", "-"),
    healthFile: facts.healthFile,
    advertSeconds: (Math.max(1, Math.round(facts.advertMs / CENTISECOND_MS)) / 100).toFixed(2),
    routers,
  };
}

/** A node is known by the address it registered. */
function nameOf({ self }: VipFacts): string {
  return self[0] ?? "";
}

/** The other nodes. One that fails its checks stays: whether it lives is for VRRP to say. */
function nodesOf({ service, self }: VipFacts, data: TemplateData): readonly string[] {
  const found = data
    .everyInstance(service)
    .map(({ address }) => address)
    .filter((address) => isPlain(address) && !self.includes(address));
  return [...new Set(found)].toSorted();
}

/** Where they hear this one: IPv4 is not heard at an address of IPv6, and what else a node has it says in its status. */
function peersOf({ self }: VipFacts, data: TemplateData, nodes: readonly string[]): readonly string[] {
  const others = data.prefix(VIP_STATUS_PREFIX).flatMap(({ value }) => {
    const read = v.safeParse(v.pipe(v.string(), v.parseJson(), VipStatusSchema), value);
    return read.success && nodes.includes(read.output.self[0] ?? "") ? read.output.self : [];
  });
  return [...new Set([...nodes, ...others])].filter((peer) => isPlain(peer) && !self.includes(peer)).toSorted();
}

function isPlain(address: string): boolean {
  return /^[0-9A-Fa-f.:]+$/.test(address);
}
