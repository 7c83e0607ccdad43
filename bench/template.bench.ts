import { parseTemplate } from "#base/language/go-template/parse-templates.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { startPeer } from "#test/base/language/go-template/peer/peer.ts";
import { valueOf, type Data } from "#test/base/language/go-template/peer/values.ts";
import { timeMs, type Bench, type Contestant } from "./harness.ts";

/** A load balancer's configuration, as people write it: a backend for each service, a line for each instance. */
const text = `# {{ len .services }} services
global
  maxconn {{ .maxconn }}
{{- define "options" }}{{ if .check }} check inter {{ .interval }}{{ end }} weight {{ or .weight 1 }}{{ end }}
frontend http
  bind *:80
{{- range $name, $service := .services }}
  acl is_{{ $name }} hdr(host) -i {{ $name }}.example.org
  use_backend {{ $name }} if is_{{ $name }}
{{- end }}
{{ range $name, $service := .services }}
backend {{ $name }}
  balance {{ $service.balance }}
  {{- if eq $service.protocol "http" }}
  option httpchk GET {{ $service.path }}
  {{- else }}
  mode tcp
  {{- end }}
  {{- range $index, $instance := $service.instances }}
  server {{ printf "%s-%02d" $name $index }} {{ .address }}:{{ .port }}{{ template "options" . }}
  {{- else }}
  # nobody serves {{ $name }}
  {{- end }}
{{ end }}`;

const SERVICES = 500;
const INSTANCES = 4;

function services(): Data {
  const all: Record<string, Data> = {};
  for (let service = 0; service < SERVICES; service++) {
    const instances = Array.from({ length: INSTANCES }, (_, instance): Data => {
      const address = `10.${service >> 8}.${service & 255}.${instance}`;
      return {
        map: {
          address,
          port: { int: String(20_000 + service) },
          check: instance % 2 === 0,
          interval: "2s",
          weight: { int: "10" },
        },
      };
    });
    const protocol = service % 3 === 0 ? "tcp" : "http";
    all[`service-${service}`] = {
      map: { balance: "roundrobin", protocol, path: "/health", instances: { list: instances } },
    };
  }
  return { map: { maxconn: { int: "4000" }, services: { map: all } } };
}

function render(data: GoValue): string {
  const parsed = parseTemplate({ name: "haproxy.ctmpl", text });
  const result = parsed.ok ? parsed.template.execute(data) : parsed;
  if (!result.ok) throw new Error(result.message);
  return result.text;
}

/** Wanted: an HAProxy template of 500 services × 4 instances, parsed and rendered. */
export const bench: Bench = {
  name: "template",
  title: `Parsing and rendering an HAProxy template of ${SERVICES} services × ${INSTANCES} instances`,
  async run(context) {
    const data = services();
    const values = valueOf(data);
    const rendered = render(values);
    const turn = async (): Promise<number> => timeMs(() => render(values));
    const contestants: Contestant[] = [
      { name: "Lares", unit: "ms", better: "less", target: { text: "≤ 15 ms", atMost: 15 }, turn },
    ];
    const notes = [`${rendered.split("\n").length} lines, ${rendered.length} bytes`];
    const peer = await startPeer();
    if (peer === undefined) notes.push("there is no Go here to compare with");
    else {
      context.defer(() => peer.stop());
      const [answer] = await peer.ask([{ text, data }]);
      if (answer?.output !== rendered) throw new Error(`Go renders something else: ${answer?.error}`);
      notes.push(`Go 1.${peer.minor}: text/template, data as map[string]interface{}, the same bytes`);
      contestants.push({
        name: "Go",
        unit: "ms",
        better: "less",
        peer: true,
        turn: async () => (await peer.ask([{ text, data }]))[0]?.ms ?? Number.NaN,
      });
      contestants.push({
        name: "Lares, against Go",
        unit: "ms",
        better: "less",
        against: "Go",
        target: { text: "≤ 2× Go", ratioAtMost: 2 },
        turn,
      });
    }
    return { measures: await context.takeTurns(contestants), notes };
  },
};
