// Where a query's result goes, and who may be there. Safe to import in the browser.

const PREFIX = "db:";

/** The room of one user's database consoles: a result is for who asked, not for everybody who is connected. */
export function databaseRoom(userId: string): string {
  // Rooms have names of ASCII, users have not.
  return PREFIX + encodeURIComponent(userId).replaceAll("%", ":");
}

/** Whether a user may join a room: any that is not another's. */
export function mayJoin(userId: string | null, room: string): boolean {
  return !room.startsWith(PREFIX) || (userId !== null && room === databaseRoom(userId));
}
