import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import type { Gauge, GaugeSource } from "#daemons/scheduler/gauge.ts";
import { seeMembers, withAdmin, type MemberPlace, type SeenMember } from "./seen-members.ts";

export interface EtcdGaugesDeps {
  readonly disk: Disk;
  readonly place: () => MemberPlace;
  readonly quotaBytes: number;
  /** Of this server's own etcd; undefined: it does not run just now. */
  readonly pid: () => number | undefined;
}

/** The members as they answer now, and this server's own process. None where no member answers. */
export function etcdGauges({ disk, place, quotaBytes, pid }: EtcdGaugesDeps): GaugeSource {
  return async () => {
    try {
      const [seen, alarms] = await Promise.all([seeMembers(place()), withAdmin(place(), (admin) => admin.alarms())]);
      const full = alarms.filter(({ kind }) => kind === "no_space").length;
      return [
        ...seen.flatMap(ofMember),
        gauge("quota_bytes", quotaBytes),
        gauge("no_space", full),
        ...(await ofProcess(disk, pid())),
      ];
    } catch {
      return ofProcess(disk, pid());
    }
  };
}

function ofMember({ member, status }: SeenMember): Gauge[] {
  const Labels = { member: member.name };
  const up = { Name: "lares.etcd.up", Value: status === undefined ? 0 : 1, Labels };
  if (status === undefined) return [up];
  return [
    up,
    { Name: "lares.etcd.leads", Value: status.leaderId === member.id ? 1 : 0, Labels },
    { Name: "lares.etcd.db_bytes", Value: status.dbBytes, Labels },
    { Name: "lares.etcd.db_bytes_in_use", Value: status.dbBytesInUse, Labels },
  ];
}

/** See proc_pid_status(5) and proc_pid_io(5). */
async function ofProcess(disk: Disk, pid: number | undefined): Promise<Gauge[]> {
  if (pid === undefined) return [];
  const read = async (name: string): Promise<string> =>
    textOf((await disk.read(`/proc/${pid}/${name}`).catch(() => undefined)) ?? new Uint8Array());
  const kib = (text: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) * 1024;
  const [status, io] = await Promise.all([read("status"), read("io")]);
  return [
    gauge("memory_bytes", kib(status, "VmRSS")),
    gauge("anonymous_bytes", kib(status, "RssAnon")),
    gauge("written_bytes", kib(io, "write_bytes") / 1024),
  ];
}

function gauge(name: string, Value: number): Gauge {
  return { Name: `lares.etcd.${name}`, Value, Labels: {} };
}
