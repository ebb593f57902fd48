// Builds the component: node build.js ALGORITHM.js FILE.wasm
import { writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { componentize } from "@bytecodealliance/componentize-js";

const [algorithm, output] = process.argv.slice(2);
const entry = join(dirname(algorithm), "world.js");
await writeFile(
  entry,
  `import algorithm from "./${basename(algorithm)}";
import { world } from "./market/component.js";
export const { describe, clear } = world(algorithm);
`,
);
const { component } = await componentize({
  sourcePath: entry,
  witPath: "wit",
  worldName: "algorithm",
  // An algorithm has none of these: what the engine would need for them is refused by the market.
  disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
await writeFile(output, component);
