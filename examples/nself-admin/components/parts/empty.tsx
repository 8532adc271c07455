// What stands where nothing is to be shown yet, and how that changes.

import type { ReactNode } from "react";
import { Icon, type IconName } from "./icon";

export function Empty({ icon, children }: { icon: IconName; children: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <p>{children}</p>
    </div>
  );
}
