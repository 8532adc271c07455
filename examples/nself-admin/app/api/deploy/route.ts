// /api/deploy: GET what each environment runs and how the deployment goes, POST `{ environment }` deploys the last build there.

import { success } from "@/lib/api/answer";
import { choiceField, readBody } from "@/lib/api/body";
import { guarded } from "@/lib/api/guarded";
import { deployer } from "@/lib/deploy/deployer";
import { ENVIRONMENTS } from "@/lib/deploy/types";

export const GET = guarded(async () => success(await deployer().snapshot()));

export const POST = guarded(async (request, { userId }) => {
  const environment = choiceField(await readBody(request), "environment", ENVIRONMENTS);
  return success({ release: deployer().start(environment, userId) }, 202);
});
