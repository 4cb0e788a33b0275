// What a URL gives, and why it was refused.

// The part of a URL that says what it gives: the token changes each hour, the thing does not.
/** @param {string} url */
export function thingAt(url) {
  if (!url) return "";
  const parsed = new URL(url, document.baseURI);
  parsed.searchParams.delete("token");
  parsed.searchParams.delete("expires");
  return parsed.pathname + parsed.search;
}

/** @param {Response} response */
export async function reasonOf(response) {
  try {
    const body = await response.json();
    if (body && typeof body.error === "string") return body.error;
  } catch (error) {
    // not JSON: the status has to do
  }
  return `the server answered ${response.status}`;
}

// What went wrong, in words.
/** @param {unknown} problem */
export function wordsOf(problem) {
  return problem instanceof Error ? problem.message : String(problem);
}
