import type { ExchangeRequest } from "#base/http/exchange.ts";

/** Requests of Nomad's API that only the leader can answer: they touch what it keeps in memory. */
export function nomadNeedsLeader({ method, url }: ExchangeRequest): boolean {
  const [path = "", query = ""] = url.split("?", 2);
  // Folders of backups may be its own.
  if (path.startsWith("/v1/operator/backups/")) return true;
  if (method === "GET" || method === "HEAD") return false;
  if (path.startsWith("/v1/var/")) return /(^|&)lock-/.test(query);
  return (
    path === "/v1/operator/raft/transfer-leadership" ||
    path === "/v1/operator/raft/peer" ||
    path === "/v1/operator/backups" ||
    path === "/v1/operator/firmware/rollout" ||
    path === "/v1/system/gc" ||
    (path.startsWith("/v1/job/") && path.endsWith("/periodic/force"))
  );
}

/** The same of Consul's: the leader keeps the timers of sessions, and the delays of locks. */
export function consulNeedsLeader({ method, url }: ExchangeRequest): boolean {
  if (method === "GET" || method === "HEAD") return false;
  const [path = "", query = ""] = url.split("?", 2);
  if (path.startsWith("/v1/kv/")) return /(^|&)(acquire|release)=/.test(query);
  return (
    path.startsWith("/v1/session/") ||
    path === "/v1/txn" ||
    path === "/v1/operator/raft/transfer-leader" ||
    path === "/v1/operator/raft/peer"
  );
}
