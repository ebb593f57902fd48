// The picture of a page in the documentation: made if `job.make` says so, or else compared with the page as it is now. Fonts
// differ from machine to machine, so what is compared is what one sees from afar.
const { readFileSync, writeFileSync } = require("node:fs");

/** The size of the picture, in pixels. */
const SIZE = { width: 1280, height: 1110 };
/** The largest mean difference of what is compared, of 255. */
const DIFFERENCE_MAX = 10;
/** The largest file, in bytes. */
const BYTES_MAX = 200_000;

exports.check = async ({ job, found, saw, open }) => {
  const { page, close } = await open({ colorScheme: "light", viewport: SIZE });
  const shot = await page.screenshot({ clip: { x: 0, y: 0, ...SIZE }, animations: "disabled" });
  if (job.make) writeFileSync(job.picture, shot);
  const kept = readFileSync(job.picture);
  if (kept.length > BYTES_MAX) found(`${job.picture} has ${kept.length} bytes, more than ${BYTES_MAX}`);
  const canvas = await page.context().newPage();
  const difference = await canvas.evaluate(compare, [shot, kept].map((png) => `data:image/png;base64,${png.toString("base64")}`));
  if (!(difference <= DIFFERENCE_MAX)) found(`${job.picture} shows something else: ${difference} (make web-pictures)`);
  saw({ bytes: kept.length, difference });
  await close();
};

/** The mean difference of two pictures when each is 64 by 56 pixels. */
async function compare(pictures) {
  const small = async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 56 });
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height).data;
  };
  const [a, b] = await Promise.all(pictures.map(small));
  return a.reduce((sum, value, place) => sum + Math.abs(value - b[place]), 0) / a.length;
}
