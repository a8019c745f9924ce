// The clock of the service, as well as it is known here: the least delayed message has the best estimate.

const DRIFT_MS = 2; // an estimate ages, since clocks drift
let offsetMs = -Infinity;

export function setClock(serviceMs) {
  offsetMs = Math.max(serviceMs - Date.now(), offsetMs - DRIFT_MS);
}

export const nowMs = () => Date.now() + (Number.isFinite(offsetMs) ? offsetMs : 0);
