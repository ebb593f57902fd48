// A page without script: it says the same, and its forms work.

exports.check = async ({ found, saw, open }) => {
  const [scripted, plain] = [await open(), await open({ javaScriptEnabled: false })];
  const text = ({ page }) => page.evaluate(() => document.querySelector("main").innerText);
  const [with_, without] = [await text(scripted), await text(plain)];
  const words = (all) => new Set(all.split(/\s+/));
  const lacks = [...words(with_)].filter((word) => !words(without).has(word));
  if (lacks.length > 0) found(`without script it lacks: ${lacks.slice(0, 20).join(" ")}`);
  plain.complaints.forEach((complaint) => found(complaint));
  // Every form of the page that asks for something shows a page.
  const forms = await plain.page.evaluate(() => [...document.forms].filter((form) => form.method === "get").length);
  for (let number = 0; number < forms; number += 1) {
    const { page, close } = await open({ javaScriptEnabled: false });
    const [response] = await Promise.all([
      page.waitForNavigation(),
      page.locator("form:not([method=post])").nth(number).locator("button, [type=submit]").first().click(),
    ]);
    if (response.status() !== 200) found(`form ${number} answers ${response.status()}: ${response.url()}`);
    await close();
  }
  saw({ forms, words: words(without).size });
  await Promise.all([scripted.close(), plain.close()]);
};
