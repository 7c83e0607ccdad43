import type { PoolMember } from "../agent-pool.ts";
import type { AgentFacts } from "../nomad-deps.ts";

/** What the versions of an agent that gossips with nobody would be. */
const VERSIONS = new Uint8Array([1, 5, 2, 2, 5, 4]);

/** Servers by gossip, itself first; without gossip itself alone. */
export function serverMembers(agent: AgentFacts) {
  const servers = (agent.pool?.members() ?? []).filter(({ tags }) => tags["role"] === "consul");
  const others = servers.filter(({ name }) => name !== agent.name).map((member) => memberAnswer(agent, member));
  return [ownMember(agent), ...others];
}

/** https://developer.hashicorp.com/nomad/api-docs/agent#list-members */
export function ownMember(agent: AgentFacts) {
  const own = agent.pool?.members().find(({ name }) => name === agent.name);
  const { host, port } = agent.rpcAddress;
  return memberAnswer(
    agent,
    own ?? { name: agent.name, host, port, tags: { lares: agent.version }, status: "alive", versions: VERSIONS },
  );
}

function memberAnswer(agent: AgentFacts, { name, host, port, tags, status, versions }: PoolMember) {
  const rpcPort = tags["port"] ?? String(agent.rpcAddress.port);
  const [ProtocolMin = 0, ProtocolMax = 0, ProtocolCur = 0, DelegateMin = 0, DelegateMax = 0, DelegateCur = 0] =
    versions;
  return {
    Name: `${name}.${agent.region}`,
    Addr: host,
    Port: port,
    Status: status,
    Tags: {
      ...tags,
      role: "nomad",
      region: agent.region,
      dc: tags["dc"] ?? agent.datacenter,
      build: tags["lares"] ?? agent.version,
      port: rpcPort,
      rpc_addr: host,
    },
    ProtocolMin,
    ProtocolMax,
    ProtocolCur,
    DelegateMin,
    DelegateMax,
    DelegateCur,
  };
}
