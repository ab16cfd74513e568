// Judges a page that is open to the browser at a port of this machine; prints, as JSON, the score
// of each category and what each audit has against the page.
import lighthouse from "lighthouse";

const [port, url] = process.argv.slice(2);
const { lhr } = await lighthouse(url, {
  port: Number(port),
  logLevel: "error",
  onlyCategories: ["performance", "accessibility", "best-practices", "seo"],
  // The sign-in stays.
  disableStorageReset: true,
});
const scores = Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]);
const against = Object.values(lhr.audits)
  .filter(({ score }) => score !== null && score < 0.9)
  .map(({ id, displayValue = "" }) => `${id} ${displayValue}`.trim());
console.log(JSON.stringify({ scores: Object.fromEntries(scores), against }));
