// Whether a request comes from this site's own pages, or from no page at all (curl, a script).

/** Browsers tell where a request comes from; a page of another site cannot forge it. */
export function isSameOrigin(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  return site === null || site === "same-origin" || site === "none";
}
