/**
 * HAProxy's configuration (2.6 and later), in Handlebars. The context is an `IngressConfig` with `bind` and `maxConnections`. Every value in it was checked or made by us, so none needs quoting.
 */
export const HAPROXY_TEMPLATE = `# Written by the ingress; changes made here are lost.
global
    log stdout format raw local0 info
    maxconn {{maxConnections}}
    stats socket unix@haproxy.sock mode 600 level admin expose-fd listeners
    # Workers of an older configuration end with their last connection, or after this long.
    hard-stop-after 10m

defaults
    mode http
    log global
    option dontlognull
    option redispatch
    retries 3
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    timeout http-request 10s
    timeout http-keep-alive 60s
    timeout queue 10s

frontend http
    bind {{bind}}
    option httplog
    option forwardfor
    http-request set-header X-Forwarded-Proto http
{{#each http}}
    use_backend {{name}} if{{#if host}} { hdr(host),field(1,:),lower -m str {{host}} }{{/if}}{{#if hostSuffix}} { hdr(host),field(1,:),lower -m end {{hostSuffix}} }{{/if}} { path -m beg {{path}} }
{{/each}}
    default_backend no_route

backend no_route
    http-request return status 404 content-type text/plain string "No route serves this address. Services are exposed by a tag such as urlprefix-/path.\\n"
{{#each http}}

# {{label}}
backend {{name}}
    balance roundrobin
{{#if stripPattern}}
    http-request set-path "%[path,regsub(\\"{{stripPattern}}\\",)]"
    http-request set-path "/%[path]" unless { path -m beg / }
{{/if}}
{{#if prepend}}
    http-request set-path "{{prepend}}%[path]"
{{/if}}
{{#each servers}}
    server {{name}} {{address}}:{{port}}
{{/each}}
{{/each}}
{{#each tcp}}

# {{label}}
listen {{name}}
    mode tcp
    option tcplog
    bind {{../host}}:{{port}}
    balance leastconn
{{#each servers}}
    server {{name}} {{address}}:{{port}}
{{/each}}
{{/each}}
`;
