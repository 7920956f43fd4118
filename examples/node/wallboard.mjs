// Wallboard: how many agents are in each state, and how many clients wait in queues.
// C2D_URL=http://pbx:8300 C2D_KEY=… node wallboard.mjs
import { events } from "./events.mjs";

let [agents, calls] = [new Map(), new Map()];
for await (const [event, told] of events()) {
  if (event === "snapshot") {
    agents = new Map(told.agents.map((one) => [one.extension, one.state])); // it replaces all
    calls = new Map(told.calls.map((one) => [one.call_ref, one.state]));
  } else if (event === "agent") agents.set(told.extension, told.state);
  else if (event === "call") calls.set(told.call_ref, told.state);
  const counts = {};
  for (const state of [...agents.values()].sort()) counts[state] = (counts[state] ?? 0) + 1;
  if (told.state === "ended") calls.delete(told.call_ref);
  const waiting = [...calls.values()].filter((state) => state === "queued").length;
  if (event !== "cdr") console.log(JSON.stringify(counts), "waiting:", waiting);
}
