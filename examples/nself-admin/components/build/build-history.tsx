// The last builds.

import type { BuildRecord } from "@/lib/build/types";
import { duration } from "@/lib/client/format";
import { StatusPill } from "../parts/status-pill";
import { Time } from "../parts/time";

export function BuildHistory({ builds }: { builds: readonly BuildRecord[] }) {
  if (builds.length === 0) return null;
  return (
    <section className="card table-frame" aria-labelledby="builds">
      <h2 id="builds">Last builds</h2>
      <table className="stacking">
        <thead>
          <tr>
            <th scope="col">Build</th>
            <th scope="col">Result</th>
            <th scope="col">Ended</th>
            <th scope="col">Took</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {builds.map((build) => (
            <tr key={build.id + build.finishedAt}>
              <th scope="row">
                <code>{build.id}</code>
              </th>
              <td data-label="Result">
                <StatusPill status={build.status} />
              </td>
              <td data-label="Ended">
                <Time iso={build.finishedAt} />
              </td>
              <td data-label="Took">{duration(build.duration)}</td>
              <td data-label="By">{build.startedBy}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
