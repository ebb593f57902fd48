import assert from "node:assert/strict";
import test from "node:test";

import algorithm from "./algorithm.ts";
import type { Round } from "./market/index.js";
import { check, checkRandomRounds, lines, makeRound } from "./market/testing.js";

function expect(round: Round, ...expected: string[]): void {
  const trades = algorithm.clear(round);
  check(round, trades);
  assert.deepEqual(lines(round, trades), expected);
}

test("shares energy in proportion, at the midpoint", () => {
  expect(
    makeRound([["anna", 900n, 0n], ["ben", 0n, 700n], ["carla", 0n, 700n]]),
    "grid > ben 250 Wh at 162400",
    "grid > carla 250 Wh at 162400",
    "anna > ben 450 Wh at 96200",
    "anna > carla 450 Wh at 96200",
  );
});

test("the position moves the price", () => {
  const round = makeRound([["anna", 900n, 0n], ["ben", 0n, 900n]]);
  expect({ ...round, settings: [["position", "250000"]] }, "anna > ben 900 Wh at 63100");
  assert.throws(() => algorithm.clear({ ...round, settings: [["position", "1000001"]] }), {
    message: 'setting position is "1000001" but must be a whole number, 0 to 1000000 (leave it out for "500000")',
  });
});

test("the price stays within the limits", () => {
  const round = makeRound([["anna", 900n, 0n], ["ben", 0n, 900n]], { priceCeiling: 90_000n });
  expect(round, "anna > ben 900 Wh at 90000");
});

test("balances every round", () => checkRandomRounds(algorithm, 2_000));
