// A page with the keyboard alone: everything can be reached, what has the focus is seen, nothing holds it, and one key leads
// past the navigation.

/** The most stops in one element: day, month, year, and what opens a calendar. */
const PARTS_MAX = 5;

exports.check = async ({ found, saw, open }) => {
  const { page, close } = await open();
  const wanted = await page.evaluate(interactive);
  const reached = new Set();
  let [last, held] = [null, 0];
  // Until the focus leaves the page, or begins anew.
  for (;;) {
    await page.keyboard.press("Tab");
    const { place, html, outlined, seen } = await page.evaluate(focused);
    // The parts of a date are a stop each.
    held = place === last ? held + 1 : 0;
    if (place === null || held > PARTS_MAX || (held === 0 && reached.has(place))) break;
    if (held > 0) continue;
    last = place;
    reached.add(place);
    if (!outlined) found(`nothing shows the focus on ${html}`);
    if (!seen) found(`has the focus out of sight: ${html}`);
  }
  wanted.filter(({ place }) => !reached.has(place)).forEach(({ html }) => found(`the keyboard does not reach ${html}`));
  if (held > PARTS_MAX) found(`the focus is held by ${wanted[last]?.html}`);
  await close();
  await skips(found, open);
  saw(wanted.length);
};

/** The first stop is a link to the main part, from which the next stop is in it. */
async function skips(found, open) {
  const { page, close } = await open();
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.getAttribute("href"));
  if (!first?.startsWith("#")) {
    found(`the first stop is no link past the navigation: ${first}`);
  } else {
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    const isIn = (target) => {
      const active = document.activeElement;
      return active === document.body || document.querySelector(target).contains(active) || !!active.closest("footer");
    };
    if (!(await page.evaluate(isIn, first))) found("the link past the navigation leads back into it");
  }
  await close();
}

/** Everything that somebody can do something with, marked with its place. */
function interactive() {
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const visible = [...document.querySelectorAll(all)].filter(
    (element) => !element.disabled && element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }),
  );
  // The keyboard comes to one of a group, and arrows lead on.
  const others = (element) =>
    element.type === "radio" &&
    visible.some((other) => other !== element && other.name === element.name && other.type === "radio" && other.checked);
  return visible.filter((element) => !others(element)).map((element, place) => {
    element.dataset.place = place;
    return { place, html: element.outerHTML.slice(0, 160) };
  });
}

function focused() {
  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) return { place: null };
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    place: Number(element.dataset.place ?? -1),
    html: element.outerHTML.slice(0, 160),
    outlined: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none",
    seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
  };
}
