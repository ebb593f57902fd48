// Plots are read out, with the keyboard and under the pointer, and what is read is what the table of the plot says.

exports.check = async ({ found, saw, open }) => {
  const { page, complaints, close } = await open();
  const plots = page.locator("svg.plot[tabindex]:visible");
  const count = await plots.count();
  for (let number = 0; number < count; number += 1) {
    const plot = plots.nth(number);
    const says = () => plot.evaluate((element) => element.nextElementSibling.textContent);
    const rows = await plot.evaluate(rowsOf);
    const isOf = (text, row) => row.some((cell) => text.includes(cell)) && text.startsWith(row[0]);
    await plot.focus();
    await page.keyboard.press("End");
    if (!isOf(await says(), rows.at(-1))) found(`plot ${number}, End: ${await says()}, not ${rows.at(-1)}`);
    await page.keyboard.press("Home");
    if (!isOf(await says(), rows[0])) found(`plot ${number}, Home: ${await says()}, not ${rows[0]}`);
    const isAcross = (await plot.getAttribute("data-across")) !== null;
    await page.keyboard.press(isAcross ? "ArrowRight" : "ArrowDown");
    if (rows.length > 1 && !isOf(await says(), rows[1])) found(`plot ${number}, next: ${await says()}, not ${rows[1]}`);
    await page.keyboard.press("Escape");
    if ((await says()) !== "") found(`plot ${number}, Escape: ${await says()}`);
    // Within the middle of the plot is one of its rows.
    await plot.scrollIntoViewIfNeeded();
    await plot.hover();
    const pointed = await says();
    if (!rows.some((row) => isOf(pointed, row))) found(`plot ${number}, pointer: ${pointed}`);
  }
  complaints.forEach((complaint) => found(complaint));
  saw(count);
  await close();
};

function rowsOf(plot) {
  const rows = plot.closest("figure").querySelector("details table").tBodies[0].rows;
  return [...rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
}
