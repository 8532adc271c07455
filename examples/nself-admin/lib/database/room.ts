// Where a query's result goes. Safe to import in the browser.

/** The room of one user's database consoles: a result is for who asked, not for everybody who is connected. */
export function databaseRoom(userId: string): string {
  return `db:${userId}`;
}
