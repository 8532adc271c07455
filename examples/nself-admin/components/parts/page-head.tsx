// The head of a page: its title, a sentence, and what can be done.

import type { ReactNode } from "react";

export function PageHead({ title, lead, children }: { title: string; lead: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-head">
      <div>
        <h1>{title}</h1>
        <p>{lead}</p>
      </div>
      {children && <div className="actions">{children}</div>}
    </header>
  );
}
