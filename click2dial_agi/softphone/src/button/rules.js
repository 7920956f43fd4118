/** How the integrator's numbers are written: asked for until the server has told it. */

import { useRules } from "../numbers.js";

let isTold = false;

/** Ask, unless it is known; what fails is to be tried again when the server is there. */
export async function learnRules(server) {
  if (isTold) return;
  try {
    useRules(await server.rules());
    isTold = true;
  } catch {
    // Numbers go as they are written, which the server may not take.
  }
}
