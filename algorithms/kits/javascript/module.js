// Makes a core module of an engine whose memory holds a program that has started: the engine's own code, with that memory in place of
// its data, answers in place of its imports, and the functions that the market calls.

const [TYPE, IMPORT, FUNCTION, MEMORY, GLOBAL, EXPORT, CODE, DATA, DATA_COUNT] = [1, 2, 3, 5, 6, 7, 10, 11, 12];
const [I32, I64] = [0x7f, 0x7e];

/**
 * A part of a module: bytes, and lists of those.
 *
 * @typedef {number | Uint8Array | Part[]} Part
 */

/**
 * A function to add: its name in the module's exports, its types, and its body as instructions.
 *
 * @typedef {{ name: string, params: number[], results: number[], locals?: number[], body: Part }} Added
 */

/**
 * Where the engine and its program meet: positions in memory, and values as the engine writes them.
 *
 * @typedef {object} Started
 * @property {Uint8Array} memory All of the engine's memory.
 * @property {number} stack The value of its stack pointer.
 * @property {number} context The engine's context.
 * @property {bigint} clear The program's function `clear`, which finds the round at `round` and returns an ArrayBuffer.
 * @property {bigint} nothing The value `undefined`.
 * @property {number} round Room in memory for a round, as the canonical ABI has it, and for a size behind it.
 * @property {number} description The program's description, as the canonical ABI has it.
 */

/** @param {number | bigint} value @returns {number[]} An unsigned number in LEB128. */
function unsigned(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** @param {number | bigint} value @returns {number[]} A signed number in LEB128. */
function signed(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest >= -64n && rest < 64n) return [...bytes, Number(rest & 127n)];
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** @param {Part} part @returns {Uint8Array} */
function bytes(part) {
  if (part instanceof Uint8Array) return part;
  return typeof part === "number" ? Uint8Array.of(part) : Buffer.concat(part.map(bytes));
}

/** @param {Part} part @returns {Part} Bytes with their number in front. */
const sized = (part) => [unsigned(bytes(part).length), bytes(part)];
/** @param {Part[]} parts @returns {Part} Parts with their number in front. */
const counted = (parts) => [unsigned(parts.length), parts];
/** @param {string} text @returns {Part} */
const named = (text) => sized(new TextEncoder().encode(text));

// Instructions.
const LOCAL = (/** @type {number} */ index) => [0x20, unsigned(index)];
const SET = (/** @type {number} */ index) => [0x21, unsigned(index)];
const TEE = (/** @type {number} */ index) => [0x22, unsigned(index)];
const NUMBER = (/** @type {number} */ value) => [0x41, signed(value | 0)];
const LONG = (/** @type {bigint} */ value) => [0x42, signed(BigInt.asIntN(64, value))];
const CALL = (/** @type {number} */ index) => [0x10, unsigned(index)];
const STORE_LONG = (/** @type {number} */ offset) => [0x37, 3, unsigned(offset)];
const STORE = (/** @type {number} */ offset) => [0x36, 2, unsigned(offset)];
const ADD = 0x6a;
const TRAP = 0x00;
const TRAP_IF_ZERO = [0x45, 0x04, 0x40, TRAP, 0x0b];
const RETURN_IF_ZERO = (/** @type {Part} */ value) => [0x45, 0x04, 0x40, value, 0x0f, 0x0b];

/** What is answered in place of the host, which a component does not have: no files, no time, no randomness, no other modules. */
const ANSWERS = /** @type {Record<string, Part>} */ ({
  clock_time_get: [LOCAL(2), LONG(0n), STORE_LONG(0), NUMBER(0)],
  fd_close: NUMBER(8),
  fd_fdstat_get: NUMBER(8),
  fd_seek: NUMBER(8),
  fd_write: NUMBER(8),
  host_call: TRAP,
  host_get_timezone_offset: NUMBER(0),
  host_interrupt: NUMBER(0),
  host_module_load: NUMBER(0),
  host_module_normalize: NUMBER(0),
  host_promise_rejection: [],
  random_get: NUMBER(52),
});

/** Reads a module's bytes from front to back. */
class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get isAtEnd() {
    return this.at >= this.bytes.length;
  }

  number() {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  /** @param {number} length */
  take(length) {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text() {
    return new TextDecoder().decode(this.take(this.number()));
  }

  rest() {
    return this.take(this.bytes.length - this.at);
  }
}

/** @param {Uint8Array} engine @returns {Map<number, Uint8Array>} The contents of its sections; custom ones are left out. */
function sections(engine) {
  const found = new Map();
  const reader = new Reader(engine);
  reader.take(8);
  while (!reader.isAtEnd) {
    const id = reader.take(1)[0];
    const content = reader.take(reader.number());
    if (id !== 0) found.set(id, content);
  }
  return found;
}

/** @param {Uint8Array} section @returns {{ name: string, type: number }[]} The functions that an engine imports. */
function imports(section) {
  const reader = new Reader(section);
  return Array.from({ length: reader.number() }, () => {
    const [from, name, kind] = [reader.text(), reader.text(), reader.number()];
    if (kind !== 0 || !(name in ANSWERS)) throw new Error(`the engine imports ${from}.${name}, which nothing here answers`);
    return { name, type: reader.number() };
  });
}

/** @param {Uint8Array} section @returns {Map<string, number>} The functions that an engine exports. */
function exports(section) {
  const found = new Map();
  const reader = new Reader(section);
  for (let left = reader.number(); left > 0; left -= 1) {
    const [name, kind, index] = [reader.text(), reader.number(), reader.number()];
    if (kind === 0) found.set(name, index);
  }
  return found;
}

/** The parameters of `clear`: their types, and where each lies in a round. */
const ROUND = /** @type {[number, number][]} */ ([
  ...[[I32, 0], [I32, 4]], // community
  ...[[I64, 8], [I32, 16]], // start, duration
  ...[[I64, 24], [I64, 32]], // retail, feed-in
  ...[[I32, 40], [I64, 48]], // price-floor
  ...[[I32, 56], [I64, 64]], // price-ceiling
  [I64, 72], // seed
  ...[[I32, 80], [I32, 84]], // settings
  ...[[I32, 88], [I32, 92]], // positions
]);
/** The size of a round, in bytes. */
const ROUND_BYTES = 96;
/** Room for a round, and for a size behind it, in bytes. */
export const ROUND_ROOM = ROUND_BYTES + 8;

/**
 * What the market calls, by the canonical ABI.
 *
 * @param {Started} started
 * @param {(name: string) => number} engine The index of a function of the engine.
 * @returns {Added[]}
 */
function functions(started, engine) {
  const { context, clear, nothing, round, description } = started;
  const store = ROUND.map(([type, offset], index) => [NUMBER(round), LOCAL(index), type === I64 ? STORE_LONG(offset) : STORE(offset)]);
  const [value, at] = [ROUND.length, ROUND.length + 1];
  const call = [NUMBER(context), LONG(clear), LONG(nothing), NUMBER(0), NUMBER(0), CALL(engine("JS_Call")), SET(value)];
  const find = [NUMBER(context), NUMBER(round + ROUND_BYTES), LOCAL(value), CALL(engine("JS_GetArrayBuffer")), TEE(at), TRAP_IF_ZERO];
  // Trades, or a message, follow behind the sixteen bytes that say where they are.
  const point = [LOCAL(at), LOCAL(at), NUMBER(16), ADD, STORE(4), LOCAL(at)];
  return [
    { name: "describe", params: [], results: [I32], body: NUMBER(description) },
    { name: "clear", params: ROUND.map(([type]) => type), results: [I32], locals: [I64, I32], body: [store, call, find, point] },
    {
      name: "cabi_realloc",
      params: [I32, I32, I32, I32],
      results: [I32],
      body: [LOCAL(3), RETURN_IF_ZERO(LOCAL(2)), LOCAL(0), LOCAL(3), CALL(engine("realloc")), TEE(0), TRAP_IF_ZERO, LOCAL(0)],
    },
  ];
}

/** @param {Uint8Array} memory @returns {Part[]} What is in memory, without zeros that are longer than what leaving them out takes. */
function data(memory) {
  const gap = 16;
  const found = [];
  for (let at = 0; ; ) {
    while (at < memory.length && memory[at] === 0) at += 1;
    if (at >= memory.length) return found;
    let end = at + 1;
    for (let zeros = 0; zeros < gap && end + zeros < memory.length; ) {
      if (memory[end + zeros] === 0) zeros += 1;
      else [end, zeros] = [end + zeros + 1, 0];
    }
    found.push([0, NUMBER(at), 0x0b, sized(memory.subarray(at, end))]);
    at = end;
  }
}

/** @param {Part} body @param {number[]} [locals] @returns {Part} */
const code = (body, locals = []) => sized([counted(locals.map((type) => [1, type])), body, 0x0b]);

/**
 * Returns the core module.
 *
 * @param {Uint8Array} engine
 * @param {Started} started
 * @returns {Uint8Array}
 */
export function coreModule(engine, started) {
  const old = sections(engine);
  const section = (/** @type {number} */ id) => old.get(id) ?? Uint8Array.of(0);
  const exported = exports(section(EXPORT));
  const index = (/** @type {string} */ name) => {
    const found = exported.get(name);
    if (found === undefined) throw new Error(`the engine does not export ${name}`);
    return found;
  };
  const answered = imports(section(IMPORT));
  const added = functions(started, index);
  // The answers have the places of the imports, so that every other function keeps its index.
  const [types, bodies, indices] = [TYPE, CODE, FUNCTION].map((id) => new Reader(section(id)));
  const [typeCount, bodyCount] = [types.number(), bodies.number()];
  indices.number();
  const first = answered.length + bodyCount;
  const parts = data(started.memory);
  const news = new Map(/** @type {[number, Part][]} */ ([
    [TYPE, [unsigned(typeCount + added.length), types.rest(), added.map(({ params, results }) => [0x60, counted(params), counted(results)])]],
    [FUNCTION, [
      unsigned(first + added.length),
      answered.map(({ type }) => unsigned(type)),
      indices.rest(),
      added.map((_, number) => unsigned(typeCount + number)),
    ]],
    [MEMORY, counted([[0, unsigned(started.memory.length / 65_536)]])],
    [GLOBAL, counted([[I32, 1, NUMBER(started.stack), 0x0b]])],
    [EXPORT, counted([[named("memory"), 2, 0], ...added.map(({ name }, number) => [named(name), 0, unsigned(first + number)])])],
    [DATA_COUNT, unsigned(parts.length)],
    [CODE, [
      unsigned(first + added.length),
      answered.map(({ name }) => code(ANSWERS[name])),
      bodies.rest(),
      added.map(({ body, locals }) => code(body, locals)),
    ]],
    [DATA, counted(parts)],
  ]));
  const kept = [...old.keys()].filter((id) => id !== IMPORT);
  const producers = [0, sized([named("producers"), counted([[named("language"), counted([[named("JavaScript"), named("")]])]])])];
  return bytes([engine.subarray(0, 8), kept.map((id) => [id, sized(news.get(id) ?? section(id))]), producers]);
}
