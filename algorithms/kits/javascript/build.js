// Builds the core module: node build.js ALGORITHM.js FILE.wasm
//
// The engine, QuickJS, starts here, reads the algorithm and the kit, and stops. What its memory holds then becomes the module's, so
// that a round finds everything ready. The same files always become the same bytes.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

import { EvalFlags, QuickJS } from "quickjs-wasi";

import { ROUND_ROOM, coreModule } from "./module.js";

/** How much of the engine's stack calls within calls may use, in bytes: so much that the market's sandbox has room for them. */
const STACK_BYTES = 100_000;
/** What the program sees of memory begins behind the engine's stack, and ends where addresses become negative. */
const MEMORY = { base: 2 ** 20, end: 2 ** 31 - 1 };

/** Starts the engine, without a clock and without randomness. Modules come from a folder. */
async function start(engine, folder) {
  const vm = await QuickJS.create({
    wasm: engine,
    wasi: (memory) => ({
      clock_time_get(_clock, _precision, at) {
        new DataView(memory.buffer).setBigUint64(at, 0n, true);
        return 0;
      },
      random_get(at, length) {
        new Uint8Array(memory.buffer, at, length).fill(0);
        return 0;
      },
    }),
    timezoneOffset: 0,
    maxStackSize: STACK_BYTES,
    moduleLoader: {
      normalize: (from, name) => (name.startsWith(".") ? posix.join(posix.dirname(from), name) : name),
      load(name) {
        const file = join(folder, name);
        if (existsSync(file)) return readFileSync(file, "utf8");
        throw new Error(`there is no ${name} (an algorithm can import its own files only: import "./${name}")`);
      },
    },
  });
  // A round is short, and the memory that it uses is gone when it ends.
  vm.exports.qjs_set_gc_threshold(-1);
  return vm;
}

/** Gives the program a view of its own memory, in which it finds rounds. */
function giveMemory(vm) {
  const context = vm.exports.qjs_get_context_ptr();
  const name = vm.exports.wasm_malloc(16);
  write(vm, name, new TextEncoder().encode("memory\0"));
  const view = vm.exports.JS_NewArrayBuffer(context, MEMORY.base, MEMORY.end - MEMORY.base, 0, 0, 0);
  vm.exports.JS_SetPropertyStr(context, value(vm, vm.global), name, view);
}

/** Runs the module that makes a world of the algorithm, and returns the world. */
async function world(vm, algorithm, round) {
  const promise = vm.evalCode(
    `import * as file from "./${algorithm}";
import { world } from "./market/component.js";
export default world(file.default, globalThis.memory, ${MEMORY.base}, ${round});
delete globalThis.memory;
`,
    "world.js",
    EvalFlags.TYPE_MODULE,
  );
  vm.executePendingJobs();
  const result = await vm.resolvePromise(promise);
  if ("error" in result) throw vm.dump(result.error);
  return result.value.getProp("default");
}

/** A value as the engine writes it. */
function value(vm, handle) {
  return new DataView(vm.exports.memory.buffer).getBigUint64(handle.ptr, true);
}

function write(vm, at, bytes) {
  new Uint8Array(vm.exports.memory.buffer, at, bytes.length).set(bytes);
}

/** Writes the description into memory, as the canonical ABI has it. Returns where it is. */
function writeDescription(vm, { name, version, summary, settings }) {
  const ofSettings = settings.flatMap((setting) => [setting.key, setting.summary, setting.default]);
  const texts = [name, version, summary, ...ofSettings].map((text) => new TextEncoder().encode(text));
  // The list of settings, whose head is the record's last field, lies behind the record, and the texts behind that.
  const heads = 8 * (texts.length + 1);
  const at = vm.exports.wasm_malloc(heads + texts.reduce((sum, text) => sum + text.length, 0));
  const words = [];
  let end = at + heads;
  for (const text of texts) {
    write(vm, end, text);
    words.push(end, text.length);
    end += text.length;
  }
  words.splice(6, 0, at + 32, settings.length);
  write(vm, at, new Uint8Array(Uint32Array.from(words).buffer));
  return at;
}

async function build(algorithm) {
  const engine = readFileSync(fileURLToPath(import.meta.resolve("quickjs-wasi/quickjs.wasm")));
  const vm = await start(engine, dirname(algorithm));
  giveMemory(vm);
  const round = vm.exports.wasm_malloc(ROUND_ROOM);
  const made = await world(vm, basename(algorithm), round);
  const clear = made.getProp("clear");
  const description = writeDescription(vm, vm.dump(made.getProp("description")));
  const module = coreModule(engine, {
    memory: new Uint8Array(vm.exports.memory.buffer),
    stack: vm.exports.__stack_pointer.value,
    context: vm.exports.qjs_get_context_ptr(),
    clear: value(vm, clear),
    nothing: value(vm, vm.undefined),
    round,
    description,
  });
  // Fails if it is not valid.
  new WebAssembly.Module(module);
  return module;
}

/** Where in the author's files it happened. */
function places({ stack = "" }) {
  const others = ["market/", "node:", "file:", "wasm:", "world.js"];
  return stack.split("\n").filter((frame) => frame.trim().startsWith("at ") && !others.some((other) => frame.includes(other)));
}

const [algorithm, output] = process.argv.slice(2);
try {
  writeFileSync(output, await build(algorithm));
} catch (error) {
  console.error([`${error.name}: ${error.message}`, ...places(error)].join("\n"));
  process.exitCode = 1;
}
