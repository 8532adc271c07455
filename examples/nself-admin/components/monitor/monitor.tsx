"use client";
// What every process, and every container where there are some, uses now and has used in the last two minutes.

import { bytes, percent } from "@/lib/client/format";
import { useStats } from "@/lib/client/use-stats";
import { titleOf } from "@/lib/services/catalog";
import type { Sample, StatsSnapshot } from "@/lib/stats/types";
import { PageHead } from "../parts/page-head";
import { Sparkline } from "../parts/sparkline";
import { StackedChart } from "./stacked-chart";

const COLORS = 7;

const nameOf = ({ containerName }: Sample) => (containerName === "admin" ? "Admin (this app)" : titleOf(containerName));
const both = (one: number, other: number) => (one + other === 0 ? "–" : `${bytes(one)} / ${bytes(other)}`);

export function Monitor({ initial }: { initial: StatsSnapshot }) {
  const { histories, machine, docker } = useStats(initial);
  const rows = [...histories.values()]
    .flatMap((history) => {
      const last = history.at(-1);
      return last ? [{ last, history, name: nameOf(last) }] : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((row, i) => ({ ...row, color: `var(--series-${i % COLORS})` }));
  const series = (figure: (stats: Sample["stats"]) => number) =>
    rows.map(({ last, history, color }) => ({
      id: last.containerId,
      color,
      values: history.map(({ stats }) => figure(stats)),
    }));
  const sum = (figure: (stats: Sample["stats"]) => number) =>
    rows.reduce((all, { last }) => all + figure(last.stats), 0);
  return (
    <>
      <PageHead
        title="Monitor"
        lead={
          docker
            ? "Docker's containers and the admin's own processes, every two seconds."
            : "The admin and the processes of its services, every two seconds. Containers appear where Docker runs."
        }
      />
      <div className="charts">
        <StackedChart
          title="CPU"
          total={`${percent(sum((stats) => stats.cpu))} of ${machine.cores} cores`}
          series={series((stats) => stats.cpu)}
        />
        <StackedChart
          title="Memory"
          total={`${bytes(sum((stats) => stats.memory))} of ${bytes(machine.memory)}`}
          series={series((stats) => stats.memory)}
        />
      </div>
      <div className="card table-frame">
        <table className="stacking">
          <caption className="visually-hidden">Figures of each process and container</caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">CPU</th>
              <th scope="col">
                <span className="visually-hidden">CPU over time</span>
              </th>
              <th scope="col">Memory</th>
              <th scope="col">Share</th>
              <th scope="col">Network in / out</th>
              <th scope="col">Disk read / write</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ last: { containerId, stats }, history, name, color }) => (
              <tr key={containerId} data-container={containerId}>
                <th scope="row">
                  <i className="dot" style={{ background: color }} aria-hidden="true" />
                  {name}
                  <small>{containerId}</small>
                </th>
                <td data-label="CPU">{percent(stats.cpu)}</td>
                <td className="wide-only">
                  <Sparkline values={history.map((sample) => sample.stats.cpu)} top={10} />
                </td>
                <td data-label="Memory">{bytes(stats.memory)}</td>
                <td data-label="Share">{percent(stats.memoryPercent)}</td>
                <td data-label="Network in / out">{both(stats.network.rx, stats.network.tx)}</td>
                <td data-label="Disk read / write">{both(stats.blockIO.read, stats.blockIO.write)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p className="quiet">The first figures come in a moment…</p>}
      </div>
    </>
  );
}
