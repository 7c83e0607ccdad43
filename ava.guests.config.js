import usual from "./ava.config.js";

// `npm run test:guests`: tests that boot machines of their own, or visit with a browser, one after the other.
export default { ...usual, files: ["test/**/*.guest.test.ts"], concurrency: 1 };
