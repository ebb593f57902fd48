// Names from outside: none has become an element, none has run, and each stands in an element of its own, so that its direction
// changes nothing around it.

exports.check = async ({ job, found, saw, open }) => {
  const { page, complaints, close } = await open();
  complaints.forEach((complaint) => found(complaint));
  const result = await page.evaluate(look, [...job.names, job.community]);
  result.wrong.forEach((what) => found(what));
  saw(result.seen);
  await close();
};

function look(names) {
  const wrong = [];
  if (window.broken !== undefined) wrong.push("a name was run");
  const known = ["HTML", "HEAD", "META", "TITLE", "LINK", "SCRIPT"];
  const scripts = [...document.scripts].filter((script) => !script.src);
  if (scripts.length > 0) wrong.push(`a script of a name: ${scripts[0].outerHTML}`);
  if (document.images.length > 0) wrong.push(`a picture of a name: ${document.images[0].outerHTML}`);
  for (const element of document.querySelectorAll("*")) {
    const handlers = [...element.attributes].filter(({ name }) => name.startsWith("on") || name === "style");
    if (handlers.length > 0) wrong.push(`${handlers[0].name} of ${element.outerHTML.slice(0, 200)}`);
    if (element.closest("head") && !known.includes(element.tagName)) wrong.push(`in the head: ${element.tagName}`);
  }
  const block = (element) => (getComputedStyle(element).display === "inline" ? block(element.parentElement) : element);
  // Text that runs from right to left is alone in an element whose direction is its own.
  const isFromRight = (text) => /[\u0590-\u08ff]/.test(text);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const text = node.textContent;
    if (names.some((name) => text.includes(name))) seen += 1;
    if (!isFromRight(text) || node.parentElement.closest("svg, code, option")) continue;
    const own = node.parentElement.closest("bdi, [dir=auto]");
    // A cell or a heading of nothing but the name is on its own, too.
    const isAlone = names.includes(block(node.parentElement).textContent.trim());
    if (!own && !isAlone) wrong.push(`not on its own: ${node.parentElement.outerHTML.slice(0, 200)}`);
  }
  return { wrong: wrong.slice(0, 10), seen };
}
