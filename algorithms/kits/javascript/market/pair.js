import { sum } from "./split.js";

/**
 * Says who sells how much to whom, as [seller, buyer, Wh], for `Book.pair`. It uses up both lists.
 *
 * A plain greedy strands energy where members both give and take: the last one may have only itself left. So a member whose two sides
 * are all that is left (it is tight) trades at once, and no trade makes one exceed that.
 *
 * @param {bigint[]} gives
 * @param {bigint[]} takes
 * @returns {Generator<[number, number, bigint]>}
 */
export function* pairs(gives, takes) {
  let left = sum(gives);
  if (left !== sum(takes)) {
    throw new RangeError(`what members give (${left} Wh) and what they take (${sum(takes)} Wh) have different sums`);
  }
  /** The sum of a member's two sides, 0n if it has only one. @param {number} member */
  const both = (member) => (gives[member] > 0n && takes[member] > 0n ? gives[member] + takes[member] : 0n);
  // At most one member has more than all that is left: two sides each are half of everything. It gives the excess back.
  const large = gives.findIndex((_, member) => both(member) > left);
  if (large >= 0) {
    const excess = both(large) - left;
    gives[large] -= excess;
    takes[large] -= excess;
    left -= excess;
  }
  // Members with both sides. An entry whose sum is no longer right is dropped when it comes up.
  const heap = new Heap();
  gives.forEach((_, member) => heap.push(both(member), member));

  /**
   * The greatest sum of both sides among all but these two, and whose it is; a sum of 0n if there is nobody.
   *
   * @param {number} seller
   * @param {number} buyer
   * @returns {Entry}
   */
  const greatestOther = (seller, buyer) => {
    const aside = new Set();
    for (;;) {
      const top = heap.entries[0];
      if (top !== undefined && both(top[1]) === top[0] && top[1] !== seller && top[1] !== buyer) {
        for (const member of aside) heap.push(both(member), member);
        return top;
      }
      if (top === undefined) {
        for (const member of aside) heap.push(both(member), member);
        return [0n, seller];
      }
      heap.pop();
      if (both(top[1]) === top[0]) aside.add(top[1]);
    }
  };

  let buyer = 0;
  let first = 0;
  let second = 0;
  while (left > 0n) {
    while (takes[buyer] === 0n) buyer++;
    while (gives[first] === 0n) first++;
    let seller = first;
    if (seller === buyer) {
      second = Math.max(second, first + 1);
      while (gives[second] === 0n) second++;
      seller = second;
    }
    let [most, third] = greatestOther(seller, buyer);
    if (most === left && both(seller) !== left && both(buyer) !== left) {
      seller = third;
      [most] = greatestOther(seller, buyer);
    }
    let energy = left - most;
    if (gives[seller] < energy) energy = gives[seller];
    if (takes[buyer] < energy) energy = takes[buyer];
    gives[seller] -= energy;
    takes[buyer] -= energy;
    left -= energy;
    heap.push(both(seller), seller);
    heap.push(both(buyer), buyer);
    yield [seller, buyer, energy];
  }
}

/** @typedef {[sum: bigint, member: number]} Entry */

/** A heap: greatest sum first, of equal ones the first member. */
class Heap {
  constructor() {
    /** @type {Entry[]} */
    this.entries = [];
  }

  /**
   * Adds a member, if its sum is not 0n.
   *
   * @param {bigint} sum
   * @param {number} member
   */
  push(sum, member) {
    if (sum === 0n) return;
    const { entries } = this;
    let place = entries.push([sum, member]) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!comesBefore(entries[place], entries[parent])) break;
      [entries[place], entries[parent]] = [entries[parent], entries[place]];
      place = parent;
    }
  }

  /** Removes the first entry. */
  pop() {
    const { entries } = this;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    entries[0] = last;
    for (let place = 0; ; ) {
      let child = 2 * place + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && comesBefore(entries[child + 1], entries[child])) child++;
      if (!comesBefore(entries[child], entries[place])) break;
      [entries[place], entries[child]] = [entries[child], entries[place]];
      place = child;
    }
  }
}

/**
 * @param {Entry} a
 * @param {Entry} b
 */
function comesBefore(a, b) {
  return a[0] > b[0] || (a[0] === b[0] && a[1] < b[1]);
}
