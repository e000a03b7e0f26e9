/** The sync port's transitions, telling what is generated when something has come to rest. */
import type { StoreContext } from "../context.ts";
import type { StoreTransitions } from "../port.ts";
import type { GeneratedNames } from "./generated-names.ts";

export function tellingTransitions(
  transitions: StoreTransitions,
  context: StoreContext,
  names: GeneratedNames,
): StoreTransitions {
  return {
    ...transitions,
    verify: (fid, ...rest) => {
      const settled = transitions.verify(fid, ...rest);
      if (settled === "done") names.settled(fid);
      return settled;
    },
    apply: (plans, cursor) => {
      const applied = transitions.apply(plans, cursor);
      for (const { docId } of plans) {
        const entry = context.entries.byDoc(docId);
        if (entry !== undefined) names.settled(entry.fid);
      }
      return applied;
    },
  };
}
