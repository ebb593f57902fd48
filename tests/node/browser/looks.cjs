// A page at two widths, light and dark: nothing to complain about, nothing wider than the screen, nothing that those cannot
// read who read otherwise.
const { readFileSync } = require("node:fs");

const WIDTHS = [360, 1280];
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
/** The rules of WCAG up to 2.2 AA, and what is good practice beyond. */
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

exports.check = async ({ job, page: { path, name }, found, open }) => {
  for (const colorScheme of ["light", "dark"]) {
    const { page, complaints, close } = await open({ colorScheme, viewport: { width: WIDTHS[0], height: 800 } });
    for (const width of WIDTHS) {
      const at = `${width} px, ${colorScheme}`;
      await page.setViewportSize({ width, height: 800 });
      for (const wide of await page.evaluate(overflowing)) found(`${at}: wider than the screen: ${wide}`);
      await page.evaluate(AXE);
      for (const finding of await page.evaluate(judged, TAGS)) found(`${at}: ${finding}`);
      if (job.pictures) {
        await page.screenshot({ path: `${job.pictures}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
    }
    complaints.push(...(await page.evaluate(() => window.violations)));
    for (const complaint of complaints) found(`${colorScheme}: ${complaint}`);
    await close();
  }
};

/** What sticks out of the page sideways, unless it scrolls by itself. */
function overflowing() {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (element) => element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
  const out = [...document.body.querySelectorAll("*")].filter(
    (element) => element.getBoundingClientRect().right > width + 0.5 && !scrolls(element.parentElement),
  );
  return [`${document.documentElement.scrollWidth} px`, ...out.slice(0, 5).map((element) => element.outerHTML.slice(0, 160))];
}

async function judged(tags) {
  const { violations } = await window.axe.run(document, {
    runOnly: { type: "tag", values: tags },
    resultTypes: ["violations"],
    preload: false,
  });
  return violations.map(({ id, help, nodes }) => {
    const where = nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} (${node.failureSummary})`);
    return `${id}, ${help}: ${where.join(" | ").replace(/\s+/g, " ")}`;
  });
}
