/** Types of click2dial.js (docs/button.md). */

export {};

type State =
  | "free"
  | "unknown"
  | "calling"
  | "queued"
  | "ringing-agent"
  | "ringing-callee"
  | "up"
  | "held"
  | "ended"
  | "refused";

interface CallState {
  state: State;
  /** Whether this page placed the call. */
  mine?: boolean;
  call_ref?: string;
  contact_ref?: string;
  agent?: string;
  callee?: string;
  dial_number?: string;
  /** The payload of the cdr, once the call has ended; null if it goes on with another agent. */
  record?: Record<string, string | number> | null;
  /** The HTTP status of a refusal; 0 if there was no answer. */
  status?: number;
  errors?: { field: string; message: string }[];
}

interface Click2Dial {
  readonly agent: string;
  call(number: string, values?: { outbound_id?: string; contact_ref?: string }): Promise<void>;
  hangUp(): Promise<void>;
  /** Add buttons to the links of a shadow root, which the page's own do not reach. */
  watch(root: ShadowRoot): void;
  /** Take all buttons away, as when the agent signs out; a call that is up goes on. */
  stop(): void;
  readonly state: CallState;
}

declare global {
  var click2dial: Click2Dial;
  interface DocumentEventMap {
    "click2dial:state": CustomEvent<CallState>;
  }
}
