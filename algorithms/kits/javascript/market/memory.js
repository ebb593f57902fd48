// How rounds and trades lie in memory: the canonical ABI of wit/market.wit. An author never calls anything here.

/** Sizes in bytes. */
const POSITION = 64;
const SETTING = 16;
const TRADE = 32;
/** In front of the trades or the message: what it is, and room for where it is, which follows. */
const HEAD = 16;
/** As many bytes of a text are taken at once: a call cannot have as many arguments as one may like. */
const PIECE = 8192;

/** Reads rounds from the component's memory. */
export class Memory {
  #base;
  #bytes;
  #words;
  #longs;
  #unsigned;

  /**
   * @param {ArrayBuffer} memory
   * @param {number} base Where in the component's memory this begins.
   */
  constructor(memory, base) {
    this.#base = base;
    this.#bytes = new Uint8Array(memory);
    this.#words = new Uint32Array(memory, 0, memory.byteLength >>> 2);
    this.#longs = new BigInt64Array(memory, 0, memory.byteLength >>> 3);
    this.#unsigned = new BigUint64Array(memory, 0, memory.byteLength >>> 3);
  }

  /**
   * @param {number} at
   * @returns {import("./types.d.ts").Round}
   */
  round(at) {
    const [long, word] = [(at - this.#base) >>> 3, (at - this.#base) >>> 2];
    const [longs, unsigned, words] = [this.#longs, this.#unsigned, this.#words];
    return {
      community: this.#text(word),
      start: unsigned[long + 1],
      duration: words[word + 4],
      retail: longs[long + 3],
      feedIn: longs[long + 4],
      priceFloor: this.#bytes[at - this.#base + 40] === 1 ? longs[long + 6] : undefined,
      priceCeiling: this.#bytes[at - this.#base + 56] === 1 ? longs[long + 8] : undefined,
      seed: unsigned[long + 9],
      settings: this.#settings(words[word + 20], words[word + 21]),
      positions: this.#positions(words[word + 22], words[word + 23]),
    };
  }

  /**
   * @param {number} at
   * @param {number} count
   */
  #settings(at, count) {
    /** @type {[string, string][]} */
    const settings = [];
    for (let word = (at - this.#base) >>> 2; settings.length < count; word += SETTING / 4) {
      settings.push([this.#text(word), this.#text(word + 2)]);
    }
    return settings;
  }

  /**
   * @param {number} at
   * @param {number} count
   */
  #positions(at, count) {
    const [longs, unsigned, words] = [this.#longs, this.#unsigned, this.#words];
    /** @type {import("./types.d.ts").Position[]} */
    const positions = [];
    for (let long = (at - this.#base) >>> 3; positions.length < count; long += POSITION / 8) {
      const word = 2 * long;
      positions.push({
        member: this.#text(word),
        surplus: unsigned[long + 1],
        deficit: unsigned[long + 2],
        offer: longs[long + 3],
        bid: longs[long + 4],
        retail: longs[long + 5],
        feedIn: longs[long + 6],
        share: words[word + 14],
        rank: words[word + 15],
      });
    }
    return positions;
  }

  /** @param {number} word Where the text's place and its length are. */
  #text(word) {
    const bytes = this.#bytes;
    const at = this.#words[word] - this.#base;
    const end = at + this.#words[word + 1];
    let text = "";
    let bits = 0;
    for (let from = at; from < end; from += PIECE) {
      text += Reflect.apply(String.fromCharCode, null, bytes.subarray(from, Math.min(from + PIECE, end)));
    }
    for (let index = at; index < end; index += 1) bits |= bytes[index];
    return bits < 128 ? text : decodeURIComponent(escape(text));
  }
}

/**
 * Returns trades as the host reads them: at `number` is the side of a trade, -1 for the grid and -2 for the operator.
 *
 * @param {{ seller: number, buyer: number, energy: bigint, price: bigint }[]} trades
 */
export function tradesAnswer(trades) {
  const answer = new ArrayBuffer(HEAD + TRADE * trades.length);
  const [words, longs] = [new Int32Array(answer), new BigInt64Array(answer)];
  words[2] = trades.length;
  let word = HEAD / 4;
  for (const { seller, buyer, energy, price } of trades) {
    side(words, word, seller);
    side(words, word + 2, buyer);
    longs[(word + 4) / 2] = energy;
    longs[(word + 6) / 2] = price;
    word += TRADE / 4;
  }
  return answer;
}

/**
 * @param {Int32Array} words
 * @param {number} word
 * @param {number} side
 */
function side(words, word, side) {
  words[word] = side < 0 ? -1 - side : 2;
  words[word + 1] = side < 0 ? 0 : side;
}

/**
 * Returns a refusal as the host reads it.
 *
 * @param {string} message
 */
export function refusalAnswer(message) {
  // Half a character has no UTF-8.
  const text = unescape(encodeURIComponent(message.replace(/[\ud800-\udfff]/gu, "\ufffd")));
  const answer = new ArrayBuffer(HEAD + text.length);
  const [words, bytes] = [new Int32Array(answer, 0, HEAD / 4), new Uint8Array(answer)];
  words[0] = 1;
  words[2] = text.length;
  for (let index = 0; index < text.length; index += 1) bytes[HEAD + index] = text.charCodeAt(index);
  return answer;
}
