// Builds the component: node build.js NAME.wasm
import { readFile, writeFile } from "node:fs/promises";

import { componentize } from "@bytecodealliance/componentize-js";

const [output] = process.argv.slice(2);
await writeFile(
  "build.entry.js",
  'import algorithm from "./algorithm.js";\nimport { world } from "./market/component.js";\nexport const { describe, clear } = world(algorithm);\n',
);
const { component } = await componentize({
  sourcePath: "build.entry.js",
  witPath: "wit",
  worldName: "algorithm",
  // A component may import nothing: these would need the host.
  disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
await writeFile(output, component);
