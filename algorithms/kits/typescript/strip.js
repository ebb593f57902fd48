// Takes the types out of TypeScript: node strip.js FILE.ts … writes build/FILE.ts as plain JavaScript, every line and column where it
// was, so that messages name the place in the source.
import { mkdir, readFile, writeFile } from "node:fs/promises";

import { transformSync } from "amaro";

await mkdir("build", { recursive: true });
for (const file of process.argv.slice(2)) {
  const { code } = transformSync(await readFile(file, "utf8"), { mode: "strip-only" });
  await writeFile(`build/${file}`, code);
}
