import Handlebars from "handlebars";
import type { WaitingFacts } from "./waiting.ts";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{facts.Name}}: not a member yet</title>
<link rel="stylesheet" href="/status.css">
<script src="/waiting.js" defer></script>
<noscript><meta http-equiv="refresh" content="5"></noscript>
</head>
<body data-waiting="{{json}}">
<header><h1>{{facts.Name}}</h1><p role="status">This machine is not a member of a cluster yet. {{facts.Does}}</p></header>
<main>
{{#if facts.Codes}}
<section id="codes">
<h2>Code</h2>
<ul>
{{#each facts.Codes}}
<li><code>{{Code}}</code><span>at the cluster of {{Server}}</span></li>
{{/each}}
</ul>
<p>Let it in on the page of a machine of that cluster, or there by <code>lares node approve</code>, when the same code is shown there. Where it has a
screen look at that: somebody else on this network could show you another page than this machine's.</p>
</section>
{{/if}}
{{#if facts.Said}}
<p id="said">The last answer: {{facts.Said}}</p>
{{/if}}
{{#if facts.Troubles}}
<section id="troubles">
<h2>Troubles</h2>
<ul>
{{#each facts.Troubles}}
<li class="bad">{{this}}</li>
{{/each}}
</ul>
</section>
{{/if}}
<section id="machine">
<h2>Machine</h2>
<table><tbody>
<tr><th>Addresses</th><td>{{#each facts.Addresses}}{{this}} {{else}}none yet{{/each}}</td></tr>
<tr><th>Lares</th><td>{{facts.Version}}</td></tr>
</tbody></table>
</section>
</main>
</body>
</html>
`;

/**
 * Runs in browsers: what changed takes the place of what was there, and the agent's own page that of all of it. While neither answers the
 * page stays, since one that is loaded anew then is an error of the browser, and looks no further.
 */
export const WAITING_SCRIPT = `"use strict";
async function look() {
  try {
    const answer = await fetch("/", { cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    if (answer.ok && fresh.dataset.waiting === undefined) return location.reload();
    if (answer.ok && fresh.dataset.waiting !== document.body.dataset.waiting) document.body.replaceWith(fresh);
  } catch {
    // Its agent starts.
  }
  setTimeout(look, 3000);
}
look();
`;

/** Compiled when it is asked for first. */
const TEMPLATE = Handlebars.compile(PAGE);

/** Every text is escaped. */
export function waitingHtml(facts: WaitingFacts): string {
  return TEMPLATE({ facts, json: JSON.stringify(facts) });
}
