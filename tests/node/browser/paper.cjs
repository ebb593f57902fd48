// A page printed on A4: the colours of paper, nothing cut off at the side, and no more sheets than it may have.

/** The width of A4 without its margins of 12 mm, in CSS pixels. */
const WIDTH = Math.round(((210 - 2 * 12) / 25.4) * 96);

exports.check = async ({ job, page: { name, sheets }, found, saw, open }) => {
  // As from a dark screen: the paper stays white.
  const { page, complaints, close } = await open({ colorScheme: "dark", viewport: { width: WIDTH, height: 1000 } });
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const { width, paper, shown } = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    paper: getComputedStyle(document.body).backgroundColor,
    shown: [...document.querySelectorAll("nav, form, .skip")].filter((element) => element.checkVisibility()).length,
  }));
  if (width > WIDTH) found(`is ${width} px wide on ${WIDTH} px of paper`);
  if (!["rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"].includes(paper)) found(`the paper is ${paper}`);
  if (shown > 0) found(`${shown} forms and navigations are printed`);
  const pdf = await page.pdf({ preferCSSPageSize: true, path: job.pictures ? `${job.pictures}/${name}.pdf` : undefined });
  const printed = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  if (printed === 0) found("nothing is printed");
  if (sheets && printed > sheets) found(`needs ${printed} sheets, not ${sheets}`);
  complaints.forEach((complaint) => found(complaint));
  saw(printed);
  await close();
};
