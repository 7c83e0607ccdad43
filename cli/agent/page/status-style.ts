export const STATUS_STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 56rem; margin: 0 auto; padding: 1rem; }
h1 { margin: 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 0.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
input, button { font: inherit; padding: 0.35rem 0.6rem; }
label { display: inline-flex; flex-direction: column; margin-right: 0.5rem; }
ul { padding: 0; list-style: none; }
li { display: flex; gap: 0.75rem; align-items: baseline; flex-wrap: wrap; padding: 0.25rem 0; }
code { font-size: 1.15em; overflow-wrap: anywhere; }
#problem { border-left: 4px solid #b3261e; padding-left: 0.75rem; }
.bad { font-weight: bold; }
`;
