type Task = Readonly<Record<string, string>>;

/** One ingress among all of a cluster. */
export interface IngressInstance {
  readonly node: string;
  /** Which of those on its node: after its job, and whatever else tells it from others of that. */
  readonly name: string;
  /** Both, as a part of a key. The one that takes its place has the same. */
  readonly key: string;
}

/** As the task's environment says; `hostname` where nobody says which node it is. */
export function instanceOf(task: Task, hostname: string): IngressInstance {
  const node = task["NOMAD_NODE_NAME"] || hostname;
  const job = task["NOMAD_JOB_NAME"] || "ingress";
  const unless = (usual: string, value = usual): readonly string[] => (value === usual ? [] : [value]);
  const name = [
    ...unless("default", task["NOMAD_NAMESPACE"]),
    job,
    ...unless(job, task["NOMAD_GROUP_NAME"]),
    ...unless("0", task["NOMAD_ALLOC_INDEX"]),
  ].join(".");
  return { node, name: clean(name), key: `${clean(node)}/${clean(name)}` };
}

function clean(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_.-]/g, "_");
}
