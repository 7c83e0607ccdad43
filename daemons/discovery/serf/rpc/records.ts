import type { LogEntry } from "#base/env/log.ts";
import type { UserEvent, MemberChange, SerfMember } from "../core/member.ts";
import type { KeyReport } from "../core/key-queries.ts";
import type { Serf } from "../shell/serf.ts";
import type { WireMap } from "../wire/value.ts";

/** Shapes of answers, as Serf's clients read them. */
export function memberRecord(member: SerfMember): WireMap {
  const [ProtocolMin = 0, ProtocolMax = 0, ProtocolCur = 0, DelegateMin = 0, DelegateMax = 0, DelegateCur = 0] =
    member.versions;
  return {
    Name: member.name,
    Addr: member.address,
    Port: member.port,
    Tags: member.tags,
    Status: member.status,
    ProtocolMin,
    ProtocolMax,
    ProtocolCur,
    DelegateMin,
    DelegateMax,
    DelegateCur,
  };
}

export function changeRecord({ kind, members }: MemberChange): WireMap {
  return { Event: kind, Members: members.map(memberRecord) };
}

export function userRecord({ lTime, name, payload, coalesce }: UserEvent): WireMap {
  return { Event: "user", LTime: lTime, Name: name, Payload: payload, Coalesce: coalesce };
}

export function keyRecord({ messages, keys, primaryKeys, nodes, responses, errors }: KeyReport): WireMap {
  return {
    Messages: messages,
    Keys: keys,
    PrimaryKeys: primaryKeys,
    NumNodes: nodes,
    NumErr: errors,
    NumResp: responses,
  };
}

/** `2026/05/04 03:02:01 [INFO] serf: text`: the level in brackets is what clients look for. */
export function logRecord({ timeMs, level, name, message, fields }: LogEntry): WireMap {
  const time = new Date(timeMs).toISOString().slice(0, 19).replaceAll("-", "/").replace("T", " ");
  const more = Object.entries(fields).map(([key, value]) => ` ${key}=${String(value)}`);
  return { Log: `${time} [${level === "error" ? "ERR" : level.toUpperCase()}] ${name}: ${message}${more.join("")}` };
}

/** Figures by topic, all as text, as `serf info` prints them. */
export function statsRecord(serf: Serf): WireMap {
  const stats = serf.stats();
  return {
    agent: { name: serf.name },
    serf: {
      coordinate_resets: String(stats.coordinateResets),
      encrypted: String(stats.encrypted),
      event_queue: String(stats.eventQueue),
      event_time: String(stats.eventTime),
      failed: String(stats.failed),
      health_score: String(stats.healthScore),
      intent_queue: String(stats.intentQueue),
      left: String(stats.left),
      member_time: String(stats.memberTime),
      members: String(stats.members),
      query_queue: String(stats.queryQueue),
      query_time: String(stats.queryTime),
    },
    tags: serf.core.tags,
  };
}
