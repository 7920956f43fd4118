// Screen pop: say which page to open when an agent's phone rings, or the agent calls.
// C2D_URL=http://pbx:8300 C2D_KEY=… CRM_URL=https://crm/contacts/ node screen_pop.mjs 1000
import { events } from "./events.mjs";

let popped = "";
for await (const [event, call] of events(`?agent=${process.argv[2]}`)) {
  if (event !== "call" || call.state === "ended" || call.call_ref === popped) continue;
  popped = call.call_ref;
  console.log(process.env.CRM_URL + (call.contact_ref || call.callee));
}
