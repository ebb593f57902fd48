"use strict";
// Reads plots out, under the pointer and with the arrow keys. What it reads is the table below each plot, where the same
// numbers are without it.

for (const plot of document.querySelectorAll("svg.plot[data-steps]")) {
  const table = plot.closest("figure")?.querySelector("details table");
  // A table of months below a plot of days says something else.
  if (table && table.tBodies[0]?.rows.length === Number(plot.dataset.steps)) readOut(plot, table);
}

function readOut(plot, table) {
  const rows = table.tBodies[0].rows;
  const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const across = range(plot.dataset.across);
  const down = range(plot.dataset.down);
  // Where there are two directions, rows lie across and their cells lie down.
  const cells = across && down ? headings.length - 1 : 0;
  const view = plot.viewBox.baseVal;
  const text = document.createElement("p");
  text.className = "readout";
  plot.after(text);
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  cursor.setAttribute("class", "cursor");
  plot.setAttribute("tabindex", "0");
  let at = null;

  const show = (next, byKey) => {
    at = next;
    // Who moves the pointer sees it; who presses keys may hear it.
    text.setAttribute("aria-live", byKey ? "polite" : "off");
    text.textContent = at ? words(rows[at.row], headings, cells ? at.cell : null) : "";
    if (!at) return cursor.remove();
    const [x, width] = across ? band(across, at.row, rows.length) : [0, view.width];
    const [y, height] = cells ? band(down, at.cell, cells) : across ? [0, view.height] : band(down, at.row, rows.length);
    Object.entries({ x, y, width, height }).forEach(([name, value]) => cursor.setAttribute(name, value));
    plot.append(cursor);
  };

  const pointed = (event) => {
    const box = plot.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * view.width;
    const y = ((event.clientY - box.top) / box.height) * view.height;
    const row = across ? step(across, x, rows.length) : step(down, y, rows.length);
    const cell = cells ? step(down, y, cells) : 0;
    show(row === null || cell === null ? null : { row, cell }, false);
  };

  const pressed = (event) => {
    const moved = move(event.key, at, across !== null, rows.length, cells);
    if (moved === undefined) return;
    event.preventDefault();
    show(moved, true);
  };

  plot.addEventListener("pointermove", pointed);
  plot.addEventListener("pointerdown", pointed);
  plot.addEventListener("pointerleave", () => show(null, false));
  plot.addEventListener("keydown", pressed);
  plot.addEventListener("blur", () => show(null, false));
}

/** Where a key leads; `null` for nowhere, `undefined` if it is not one of these keys. */
function move(key, at, isAcross, rows, cells) {
  if (key === "Escape") return at ? null : undefined;
  const [back, on] = isAcross ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  const [up, down] = cells ? ["ArrowUp", "ArrowDown"] : [];
  if (![back, on, up, down, "Home", "End"].includes(key)) return undefined;
  if (!at) return { row: key === "End" ? rows - 1 : 0, cell: 0 };
  const within = (value, count) => Math.max(0, Math.min(count - 1, value));
  const row = { [back]: at.row - 1, [on]: at.row + 1, Home: 0, End: rows - 1 }[key] ?? at.row;
  const cell = { [up]: at.cell - 1, [down]: at.cell + 1 }[key] ?? at.cell;
  return { row: within(row, rows), cell: within(cell, cells || 1) };
}

/** A row in words: its own heading, and each number with its heading. */
function words(row, headings, only) {
  const texts = [...row.cells].map((cell) => cell.textContent.trim());
  const numbers = texts.slice(1).map((text, place) => `${headings[place + 1]} ${text}`);
  return `${texts[0]}: ${only === null ? numbers.join(", ") : numbers[only]}`;
}

function range(text) {
  return text ? text.split(" ").map(Number) : null;
}

function step([from, until], value, count) {
  const place = Math.floor(((value - from) / (until - from)) * count);
  return place >= 0 && place < count ? place : null;
}

function band([from, until], place, count) {
  const width = (until - from) / count;
  return [from + width * place, width];
}
