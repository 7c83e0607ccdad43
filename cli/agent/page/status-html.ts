export const STATUS_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lares</title>
<link rel="stylesheet" href="/status.css">
<script src="/status.js" defer></script>
</head>
<body>
<header><h1>Lares</h1><p id="summary" role="status">…</p></header>
<main>
<section id="claim" hidden>
<h2>Take this cluster over</h2>
<form id="claim-form"><label>Code on the screen of its first machine
<input name="code" inputmode="numeric" autocomplete="off" required pattern="[0-9 ]{8,9}"></label><button>Take over</button></form>
</section>
<section id="sign-in" hidden>
<h2>Sign in</h2>
<form id="sign-in-form"><label>Access token <input name="token" type="password" autocomplete="current-password" required></label><button>Sign in</button></form>
</section>
<p id="problem" role="alert" hidden></p>
<section id="token" hidden><h2>Keep this token</h2><p>It may do everything, and is shown this once. This browser remembers it until it is closed.</p><code></code></section>
<section id="asking" hidden><h2>Machines that ask to be let in</h2><p>Let one in when its screen shows the same code.</p><ul></ul></section>
<section id="nodes" hidden><h2>Machines</h2><table><thead><tr><th>Name</th><th>State</th><th>Tasks</th><th>System</th><th>Firmware</th></tr></thead><tbody></tbody></table></section>
<section id="jobs" hidden><h2>Jobs</h2><table><thead><tr><th>Name</th><th>State</th><th>Running</th></tr></thead><tbody></tbody></table></section>
<section id="rollout" hidden><h2>Update of the firmware</h2><p></p><ul></ul></section>
</main>
</body>
</html>
`;
