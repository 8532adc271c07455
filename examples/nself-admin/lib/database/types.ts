// What the database routes answer.

/** One table of GET /api/database/tables. */
export interface Table {
  name: string;
  columns: string[];
}
