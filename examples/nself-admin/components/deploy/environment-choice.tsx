"use client";
// The three environments, each with what it runs now.

import { type DeploySnapshot, ENVIRONMENTS, type Environment } from "@/lib/deploy/types";
import { Time } from "../parts/time";

interface Props {
  chosen: Environment;
  current: DeploySnapshot["current"];
  onChoose: (environment: Environment) => void;
}

export function EnvironmentChoice({ chosen, current, onChoose }: Props) {
  return (
    <fieldset className="choices">
      <legend className="visually-hidden">Environment</legend>
      {ENVIRONMENTS.map((environment) => {
        const release = current[environment];
        return (
          <label key={environment} className="card choice" data-environment={environment}>
            <input
              type="radio"
              name="environment"
              value={environment}
              checked={environment === chosen}
              onChange={() => onChoose(environment)}
            />
            <strong>{environment}</strong>
            {release ? (
              <small>
                build <code>{release.build}</code>
                <br />
                by {release.deployedBy} at <Time iso={release.deployedAt} />
              </small>
            ) : (
              <small>nothing is deployed</small>
            )}
          </label>
        );
      })}
    </fieldset>
  );
}
